/// What a proof found.
package struct ProofResult: Sendable {
    /// Name of the proof.
    package var name: String
    /// Cases that were run.
    package var runs: Int
    /// Cases in which something happened that must not, described.
    package var violations: [String]
    /// Seed that the cases were made from.
    package var seed: UInt64
    /// Figures by name.
    package var figures: [String: Double]

    package init(_ name: String, seed: UInt64) {
        self.name = name
        self.runs = 0
        self.violations = []
        self.seed = seed
        self.figures = [:]
    }

    mutating func count(_ figure: String, by amount: Double = 1) { figures[figure, default: 0] += amount }

    /// Notes a violation; without effect when the condition holds.
    mutating func require(_ condition: Bool, _ violation: @autoclosure () -> String) {
        if !condition { violations.append(violation()) }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same sequence for the same seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
