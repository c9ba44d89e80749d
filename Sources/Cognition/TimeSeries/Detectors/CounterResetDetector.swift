/// A counter that falls: a restart of the process that counts.
///
/// A series that rises for 32 samples without falling counts as a counter. A fall then has the probability of the share
/// of falls so far; to less than half of the value, it is a reset, and that of a counter that never fell scores 0.99 or
/// more. Series that go up and down are no counters. State: 10 words.
package struct CounterResetDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "counter-reset"
    private static let warmUp = 32.0

    private var last: Double?
    private var rises = 0.0
    private var falls = 0.0
    private var level = RecentLevel()

    /// A detector that has seen nothing.
    package init() {}

    /// Whether the series behaves like a counter.
    package var isCounter: Bool { rises >= Self.warmUp && falls * 10 < rises }

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        let score = scored(sample.value)
        return level.judge(sample.value, score: score)
    }

    private mutating func scored(_ value: Double) -> Double {
        guard let last else {
            self.last = value
            return 0
        }
        self.last = value
        if value > last { rises = min(rises + 1, 1e9) }
        guard value < last else { return 0 }
        let wasCounter = isCounter
        let share = falls / (rises + falls + 1)
        falls += 1
        guard wasCounter, value < last / 2, value >= 0 else { return 0 }
        return max(0, 0.999 - 10 * share)
    }
}
