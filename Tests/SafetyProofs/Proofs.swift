import Proofs

/// Every crash point × step × reply of the executor, then schedules with two crashes, then sleepers that wake up late.
package enum CrashPointsProof: Proof {
    package static let name = "crash-points"
    package static let fullRuns = 2_000

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var report = try await CrashProof.run(runs: runs, seed: seed)
        progress("\(report.runs) schedules with crashes")
        let zombies = try await CrashProof.zombies(seed: seed)
        report.runs += zombies.runs
        report.violations += zombies.violations
        report.figures["sleepers woken late"] = Double(zombies.runs)
        let decisions = try await DecisionCrashProof.run(seed: seed)
        progress("\(decisions.runs) times planner, gateway and approver")
        report.runs += decisions.runs
        report.violations += decisions.violations
        report.figures["deaths of planner, gateway and approver"] = Double(decisions.runs)
        let beside = try await CrashProof.sideBySide(runs: max(1, runs / 10), seed: seed)
        progress("\(beside.runs) times six plans side by side")
        report.runs += beside.runs
        report.violations += beside.violations
        report.figures["times six plans side by side"] = Double(beside.runs)
        // Real processes: as many deaths as the full form asks for, or fewer when fewer schedules are asked for.
        let deaths = max(4, min(60, runs / 30))
        for processes in [
            try await ExecutorProcessProof.run(runs: deaths, seed: seed, progress: progress),
            try await DecisionProcessProof.run(runs: deaths, seed: seed, progress: progress),
        ] {
            report.runs += processes.runs
            report.violations += processes.violations
            report.count("deaths of real processes", by: Double(processes.runs))
            report.figures.merge(
                processes.figures.filter { $0.key.hasPrefix("deaths of") || $0.key.hasPrefix("takeover") }
            ) {
                $0 + $1
            }
        }
        return report
    }
}

/// A proof that goes through all of its cases once; it has as many runs as cases.
package protocol EnumeratedProof: Proof {
    /// Goes through the cases.
    ///
    /// - Parameter isShort: through some of them only, where there are many.
    static func run(seed: UInt64, isShort: Bool) async throws -> ProofReport
}

extension EnumeratedProof {
    package static var fullRuns: Int { 1 }

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport { try await run(seed: seed, isShort: false) }
}
