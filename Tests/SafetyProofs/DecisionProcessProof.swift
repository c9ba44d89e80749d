import Authority
import Bus
import Foundation
import KubeSimulator
import Model
import Proofs
import RedisBus
import TestSupport
import WireFormat

/// Real planners, gateways and approvers that kill themselves at crash points, and are started or called again.
package enum DecisionProcessProof {
    private enum Scene {
        case planner(String)
        /// Through the gateway or not; where the gateway or the approver dies; what the person says.
        case person(isGateway: Bool, crash: String, verb: String)
    }

    private static let scenes: [Scene] = {
        let points = ["afterVerify", "beforeApprove", "afterApproveBeforeReply", "afterReply"]
        var scenes: [Scene] = ["afterSurvey", "beforePropose", "afterPropose"].map { .planner("planner.\($0)") }
        for verb in ["approve", "reject"] {
            for point in points {
                scenes.append(.person(isGateway: false, crash: "approver.\(point)", verb: verb))
                scenes.append(.person(isGateway: true, crash: "gateway.\(point)", verb: verb))
            }
        }
        return scenes
    }()

    /// Plays so many scenes, each with one death, on one installation.
    ///
    /// - Parameter programs: folder with debug builds; release builds have no crash points.
    package static func run(
        runs: Int, seed: UInt64, programs: String = BuiltPrograms.debugFolder,
        progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        try await ProcessStage.use(programs: programs) { stage in
            var report = ProofReport("decision-processes", seed: seed)
            for index in 0..<runs {
                switch scenes[(Int(seed % 1_000) + index * 5) % scenes.count] {
                case .planner(let crash): try await plan(crash, index, stage, &report)
                case .person(let isGateway, let crash, let verb):
                    try await decide(verb, crash, isGateway, index, stage, &report)
                }
                report.runs += 1
                if index % 10 == 9 { progress("\(index + 1) of \(runs) deaths of planner, gateway and approver") }
            }
            return report
        }
    }

    private static func plan(
        _ crash: String, _ index: Int, _ stage: ProcessStage, _ report: inout ProofReport
    ) async throws {
        let (store, keys, partition) = (stage.stage.store, stage.stage.keys, stage.stage.partition)
        var incident = PlannerStage.incident(.open, revision: 1, at: stage.stage.now)
        incident.id = "INC-planner-\(index)"
        let planned = try await store.length(keys.stream(.plans, partition))
        _ = try await store.transition(
            Transaction(changes: [
                .append(
                    stream: keys.stream(.incidents, partition),
                    fields: try PlannerStage.entry(incident, at: stage.stage.now))
            ]))
        let first = try stage.startPlanner(crash: crash)
        let hasDied = await stage.waitForEnd(of: first)
        // A planner that loses its lease right after its commit takes it again and never comes to the point after it.
        let hasProposed = try await store.length(keys.stream(.plans, partition)) > planned
        report.require(
            hasDied || crash == "planner.afterPropose" && hasProposed, "\(crash): the planner did not die")
        first.end()
        let second = try stage.startPlanner()
        _ = try await stage.wait(for: planned + 1, of: .plans, while: second)
        // Time to propose a second one, if it would.
        _ = try await stage.wait(for: planned + 2, of: .plans, while: second, seconds: 1)
        second.end()
        let plans = try await store.length(keys.stream(.plans, partition)) - planned
        report.require(plans == 1, "\(crash): \(plans) plans \(stage.log.suffix(600))")
        report.count("deaths of planners")
    }

    private static func decide(
        _ verb: String, _ crash: String, _ isGateway: Bool, _ index: Int, _ stage: ProcessStage,
        _ report: inout ProofReport
    ) async throws {
        let (store, keys, partition) = (stage.stage.store, stage.stage.keys, stage.stage.partition)
        let record = try await stage.stage.propose(title: "\(index) \(crash)")
        let decided = try await store.length(keys.stream(.decisions, partition))
        let words = [verb, record.id, "--yes"] + (verb == "reject" ? ["--reason", "no"] : [])
        if isGateway {
            let (url, token, server) = try stage.startGateway(crash: crash)
            _ = try stage.approver(words + ["--gateway", url, "--token-file", token])
            server.end()
        } else {
            let (status, _) = try stage.approver(words, crash: crash)
            report.require(status == SIGKILL, "\(crash): the approver ended with \(status)")
        }
        let wasRecorded = try await stage.stage.record(record.hash).statements["jane@example.com"] != nil
        let (status, text): (Int32, String)
        if isGateway {
            let (url, token, server) = try stage.startGateway()
            (status, text) = try stage.approver(words + ["--gateway", url, "--token-file", token])
            server.end()
        } else {
            (status, text) = try stage.approver(words)
        }
        let state = try await stage.stage.record(record.hash).state
        report.require(
            state == (verb == "approve" ? .approved : .rejected), "\(crash): the plan is \(state.rawValue): \(text)")
        // Whoever says the same again is answered like the first time.
        report.require(status == 0, "\(crash): recorded before \(wasRecorded), then \(status): \(text)")
        let decisions = try await store.length(keys.stream(.decisions, partition)) - decided
        report.require(decisions == 1, "\(crash): \(decisions) decisions")
        report.count(isGateway ? "deaths of gateways" : "deaths of approvers")
    }
}
