import Bus
import TestSupport

/// The test of the tests: every bug that is put in on purpose is found, and without one nothing is.
///
/// A run is a seed. Each bug is looked for with the operations of the differential proof and with the simulation, seed
/// after seed, until one of them shows it.
package enum SeededBugsProof: Proof {
    package static let name = "seeded-bugs"
    /// Seeds within which a bug must show.
    package static let fullRuns = 2_000

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var report = ProofReport(name: name, runs: runs, seed: seed)
        for bug in SeededBug.allCases {
            guard let found = try await hunt(bug, runs, seed) else {
                report.violations.append("not found within \(runs) seeds: \(bug.rawValue)")
                continue
            }
            report.count("bugs found")
            report.figures["most seeds for one bug"] = max(report.figures["most seeds for one bug"] ?? 0, Double(found))
        }
        progress("all bugs were hunted")
        let healthy = min(runs, 300)
        for run in 0..<healthy {
            if let difference = try await difference(seed + UInt64(run), nil) { report.violations.append(difference) }
            var simulation = FoldSimulation(seed: seed + UInt64(run))
            try await simulation.run()
            report.violations += simulation.violations.prefix(1).map {
                "seed \(seed + UInt64(run)) without a bug: \($0)"
            }
            report.count("takeovers", by: Double(simulation.takeovers))
        }
        report.count("histories without a bug", by: Double(healthy))
        return report
    }

    /// - Returns: how many seeds it took.
    private static func hunt(_ bug: SeededBug, _ runs: Int, _ seed: UInt64) async throws -> Int? {
        for run in 0..<runs {
            if try await difference(seed + UInt64(run), bug) != nil { return run + 1 }
            guard run < 100 else { continue }
            var simulation = FoldSimulation(seed: seed + UInt64(run), bug: bug)
            try await simulation.run()
            if !simulation.violations.isEmpty { return run + 1 }
        }
        return nil
    }

    private static func difference(_ seed: UInt64, _ bug: SeededBug?) async throws -> String? {
        var generator = SeededGenerator(seed: seed)
        let model = ModelStore()
        let buggy = BuggyStore(inner: ModelStore(), bug: bug)
        let names = StoreOperation.Names(prefix: "{p0}:")
        for step in 0..<DifferentialProof.length {
            let operation = StoreOperation.random(names, &generator)
            let expected = try await operation.answer(of: model)
            let actual = try await operation.answer(of: buggy)
            if actual != expected { return "seed \(seed) step \(step): \(operation): \(actual), not \(expected)" }
        }
        return try await DifferentialProof.firstDifference(model, buggy, names).map { "seed \(seed): \($0)" }
    }
}
