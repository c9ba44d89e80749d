import Authority
import Bus
import Decision
import Foundation
import KubeSimulator
import Kubernetes
import Model
import Proofs
import TestSupport
import WireFormat

/// How long a person's approval takes to have an effect, how long lists of plans take, and many plans side by side; with
/// release builds of everything.
package enum ApprovalBenchmark: Proof {
    package static let name = "approval"
    package static let fullRuns = 200
    /// Plans that are carried out at the same time.
    private static let crowd = 100

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        try await ProcessStage.use(programs: BuiltPrograms.ownFolder, leaseSeconds: 6) { stage in
            var report = ProofReport(name, seed: seed)
            let executor = try stage.startExecutor()
            defer { executor.end() }
            try await approve(runs, stage, executor, &report)
            progress("\(runs) approvals")
            try await sideBySide(stage, executor, &report)
            progress("\(crowd) plans side by side")
            try await list(stage, &report)
            progress("lists of 1000 plans")
            try startUp(stage, &report)
            return report
        }
    }

    private static func note(_ name: String, _ times: [Double], _ report: inout ProofReport) {
        let sorted = times.sorted()
        guard !sorted.isEmpty else { return }
        report.figures["\(name) p50 ms"] = sorted[sorted.count / 2]
        report.figures["\(name) p99 ms"] = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        report.figures["\(name) n"] = Double(sorted.count)
    }

    private static func milliseconds(since begun: ContinuousClock.Instant) -> Double {
        begun.duration(to: .now) / .milliseconds(1)
    }

    // MARK: One at a time

    private static func approve(
        _ runs: Int, _ stage: ProcessStage, _ executor: ProcessStage.Program, _ report: inout ProofReport
    ) async throws {
        var waits: [Double] = []
        let stream = stage.stage.keys.stream(.outcomes, stage.stage.partition)
        for index in 0...runs {
            let record = try await stage.stage.propose(
                [Action(type: .scale, parameters: ["replicas": "\(index % 2 + 4)"])], rollback: [],
                title: "run \(index)"
            ) {
                $0.verification.intervalSeconds = 1
            }
            let position = try await stage.stage.store.newestEntries(stream, limit: 1).first?.id ?? .zero
            let begun = ContinuousClock.now
            try await stage.stage.say(.approve, about: record)
            // The first entry is written after the claim, which is the first call that changes anything.
            while try await stage.stage.store.awaitEntries([stream: position], timeout: .seconds(5)).isEmpty {}
            // The first plan waits for the executor to start.
            if index > 0 { waits.append(milliseconds(since: begun)) }
            let state = try await stage.wait(for: record.hash, while: executor)
            report.require(state == .succeeded, "run \(index) ended \(state.rawValue)")
            report.runs += 1
        }
        note("approve to claim", waits, &report)
    }

    // MARK: Side by side

    private static func sideBySide(
        _ stage: ProcessStage, _ executor: ProcessStage.Program, _ report: inout ProofReport
    ) async throws {
        let (targets, objects) = Stage.neighbours(crowd)
        try await stage.load(objects)
        var hashes: [String] = []
        for target in targets {
            let record = try await stage.stage.propose(
                [Action(type: .scale, parameters: ["replicas": "4"])], rollback: [], on: target
            ) {
                $0.verification.intervalSeconds = 1
            }
            hashes.append(record.hash)
        }
        let before = try await stage.effects().count
        let stream = stage.stage.keys.stream(.outcomes, stage.stage.partition)
        let position = try await stage.stage.store.newestEntries(stream, limit: 1).first?.id ?? .zero
        let begun = ContinuousClock.now
        for hash in hashes { try await stage.stage.say(.approve, about: try await stage.stage.record(hash)) }
        report.figures["side by side: \(crowd) statements ms"] = milliseconds(since: begun)
        for hash in hashes {
            let state = try await stage.wait(for: hash, while: executor, seconds: 120)
            let reason = try await stage.stage.record(hash).reason
            report.require(state == .succeeded, "side by side: ended \(state.rawValue), \(reason)")
        }
        report.figures["side by side: \(crowd) plans ms"] = milliseconds(since: begun)
        report.figures["side by side: plans"] = Double(crowd)
        let effects = try await stage.effects().dropFirst(before).map(\.operation)
        report.require(
            effects.count == crowd && Set(effects).count == crowd, "side by side: \(effects.count) effects")
        var (now, most) = (Set<String>(), 0)
        for entry in try await stage.stage.store.entries(stream, after: position, limit: 10_000) {
            let outcome: Outcome = try Envelope(entry).decode()
            if outcome.state.isTerminal { now.remove(outcome.planHash) } else { now.insert(outcome.planHash) }
            most = max(most, now.count)
        }
        report.figures["side by side: most at a time"] = Double(most)
        report.require(most <= ProcessStage.concurrency, "side by side: \(most) at a time")
        report.require(most > 1, "the plans were carried out one after the other")
    }

    // MARK: Lists and start-up

    private static func list(_ stage: ProcessStage, _ report: inout ProofReport) async throws {
        var plan = try await stage.stage.propose(title: "pending").plan()
        for index in 0..<1_000 {
            plan.title = "pending \(index)"
            _ = try await stage.stage.file(plan)
        }
        var (reads, commands): ([Double], [Double]) = ([], [])
        for _ in 0..<20 {
            let begun = ContinuousClock.now
            let pending = try await stage.stage.desk.pending()
            reads.append(milliseconds(since: begun))
            report.require(pending.count >= 1_000, "\(pending.count) plans are listed")
        }
        for _ in 0..<20 {
            let begun = ContinuousClock.now
            let (status, text) = try stage.approver(["list"])
            commands.append(milliseconds(since: begun))
            let lines = text.split(separator: "\n").count
            report.require(status == 0 && lines >= 1_000, "'list' ended with \(status) after \(lines) lines")
        }
        note("read 1000 pending", reads, &report)
        note("'sre-approver list' of 1000 pending, start to end,", commands, &report)
    }

    private static func startUp(_ stage: ProcessStage, _ report: inout ProofReport) throws {
        var times: [Double] = []
        for _ in 0..<50 {
            let begun = ContinuousClock.now
            let (status, _) = try stage.approver(["--help"], isConfigured: false)
            times.append(milliseconds(since: begun))
            report.require(status == 0, "'--help' ended with \(status)")
        }
        note("'sre-approver --help', start to end,", times, &report)
    }
}
