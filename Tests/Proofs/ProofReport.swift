import Foundation

/// What a proof found.
package struct ProofReport: Codable, Sendable, Equatable {
    /// Name of the proof.
    package var name: String
    /// Runs that were made.
    package var runs: Int
    /// What did not hold, with what is needed to see it again; empty when everything held.
    package var violations: [String]
    /// Seed of the first run.
    package var seed: UInt64
    /// Numbers by name, such as `operations` or `takeovers`.
    package var figures: [String: Double]

    package init(
        name: String, runs: Int, violations: [String] = [], seed: UInt64, figures: [String: Double] = [:]
    ) {
        self.name = name
        self.runs = runs
        self.violations = violations
        self.seed = seed
        self.figures = figures
    }

    /// Adds to a figure.
    package mutating func count(_ figure: String, by amount: Double = 1) { figures[figure, default: 0] += amount }

    /// The report for a terminal.
    package var text: String {
        var lines = ["\(name): \(runs) runs from seed \(seed), \(violations.count) violations"]
        lines += figures.sorted { $0.key < $1.key }.map { "  \($0.key): \(Self.number($0.value))" }
        lines += violations.prefix(20).map { "  VIOLATION \($0)" }
        if violations.count > 20 { lines.append("  … and \(violations.count - 20) more") }
        return lines.joined(separator: "\n")
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\((value * 1_000).rounded() / 1_000)"
    }

    /// Writes the report as `FOLDER/NAME.json`.
    package func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(self).write(to: URL(fileURLWithPath: "\(folder)/\(name).json"), options: .atomic)
    }
}

/// Something that is shown by many runs.
package protocol Proof: Sendable {
    /// Name in commands and reports.
    static var name: String { get }
    /// Runs of the full form.
    static var fullRuns: Int { get }

    /// Makes the runs `seed`, `seed + 1`, … and reports; `progress` gets a line now and then.
    static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport
}
