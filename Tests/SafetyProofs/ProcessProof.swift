import Authority
import Bus
import Decision
import Foundation
import KubeSimulator
import Model
import Proofs
import Remediation
import TestSupport

/// Real executors that kill themselves at crash points, or are killed by a signal, while plans are carried out.
package enum ExecutorProcessProof: Proof {
    package static let name = "executor-processes"
    package static let fullRuns = 60

    /// Points that a plan without a rollback passes, each with the hits that it has.
    private static let crashes: [String] = [
        "executor.afterVerify:1", "executor.beforeClaim:1", "executor.afterClaim:1", "executor.afterIntent:1",
        "executor.afterIntent:2", "executor.beforePatch:1", "executor.beforePatch:2",
        "executor.afterPatchBeforeRecord:1", "executor.afterPatchBeforeRecord:2", "executor.afterRecord:1",
        "executor.afterRecord:2", "executor.beforeVerify:1", "executor.midVerify:1", "executor.beforeFinish:1",
        "executor.afterFinish:1",
    ]

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        try await run(runs: runs, seed: seed, programs: BuiltPrograms.debugFolder, progress: progress)
    }

    /// Runs so many plans, each with one crash, on one installation.
    ///
    /// - Parameter programs: folder with debug builds; release builds have no crash points.
    package static func run(
        runs: Int, seed: UInt64, programs: String, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        try await ProcessStage.use(programs: programs) { stage in
            var report = ProofReport(name, seed: seed)
            var takeovers: [Double] = []
            for index in 0..<runs {
                let crash = crashes[(Int(seed % 1_000) + index) % crashes.count]
                try await check(crash, stage, &report, &takeovers)
                if index % 10 == 9 { progress("\(index + 1) of \(runs) plans") }
            }
            takeovers.sort()
            if let last = takeovers.last {
                report.figures["takeover p50 ms"] = takeovers[takeovers.count / 2]
                report.figures["takeover max ms"] = last
            }
            return report
        }
    }

    private static func check(
        _ crash: String, _ stage: ProcessStage, _ report: inout ProofReport, _ takeovers: inout [Double]
    ) async throws {
        let before = try await stage.effects().count
        let record = try await stage.stage.propose(rollback: [], title: crash) { plan in
            plan.verification.intervalSeconds = 1
        }
        try await stage.stage.say(.approve, about: record)
        let first = try stage.startExecutor(crash: crash)
        _ = try await stage.wait(for: record.hash, while: first)
        report.require(!first.isRunning || crash.contains("afterFinish"), "\(crash): the executor did not die")
        first.end()
        report.count("crashes")
        let begun = ContinuousClock.now
        let second = try stage.startExecutor()
        let state = try await stage.wait(for: record.hash, while: second)
        if state.isTerminal { takeovers.append(begun.duration(to: .now) / .milliseconds(1)) }
        second.end()
        report.runs += 1
        report.count("ended \(state.rawValue)")
        let effects = try await stage.effects().dropFirst(before)
        let expected = (0...1).map { "\(record.hash.prefix(16))-step-\($0)" }
        report.require(
            effects.map(\.operation) == expected && state == .succeeded || state == .needsHuman,
            "\(crash): \(state.rawValue) with \(effects.map(\.operation)) \(stage.log.suffix(600))")
    }
}

/// Where the programs are that proofs start.
package enum BuiltPrograms {
    /// Debug builds of this package.
    package static let debugFolder = folder("debug")
    /// Programs that were built like the one that runs.
    #if DEBUG
        package static let ownFolder = debugFolder
    #else
        package static let ownFolder = folder("release")
    #endif

    private static func folder(_ configuration: String) -> String {
        URL(fileURLWithPath: ShippedManifests.folder).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(".build/\(configuration)").path
    }
}
