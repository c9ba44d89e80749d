import Authority
import Bus
import Foundation
import Model
import SafetyProofs
import TestSupport
import Testing
import WireFormat

/// Shadow mode with a real planner, a real Redis and the simulated API server: what it records, what the report makes of
/// it, and that nothing is carried out.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ShadowTests {
    private func store(_ incident: Incident, _ stage: Stage) async throws {
        _ = try await stage.store.transition(
            Transaction(changes: [
                .set(
                    key: stage.keys.incident(incident.id, stage.partition),
                    fields: [
                        Field("data", try incident.canonicalJSON()), Field("status", incident.status.rawValue),
                    ]),
                .append(
                    stream: stage.keys.stream(.incidents, stage.partition),
                    fields: try PlannerStage.entry(incident, at: incident.updated)),
            ]))
    }

    @Test func theReportHoldsPlansAgainstWhatHappened() async throws {
        try await ProcessStage.use(programs: BuiltPrograms.debugFolder, configuration: "\nrisk: { mode: shadow }\n") {
            processes in
            let stage = processes.stage
            let empty = try processes.agent(["report", "shadow"])
            #expect(empty.status == 0 && empty.text.contains("no plans of shadow mode"), "\(empty.text)")
            let planner = try processes.startPlanner()
            defer { planner.end() }
            let executor = try processes.startExecutor()
            defer { executor.end() }
            let lasted: [(id: String, seconds: Double?)] = [
                ("INC-long", 7_200), ("INC-short", 5), ("INC-gone", nil),
            ]
            for (index, (id, _)) in lasted.enumerated() {
                var incident = PlannerStage.incident(.open, revision: 1, at: stage.now)
                incident.id = id
                try await store(incident, stage)
                #expect(try await processes.wait(for: index + 1, of: .plans, while: planner) == index + 1)
            }
            for (id, seconds) in lasted {
                let key = stage.keys.incident(id, stage.partition)
                guard let seconds else {
                    _ = try await stage.store.transition(Transaction(changes: [.remove(key: key)]))
                    continue
                }
                var incident = PlannerStage.incident(.resolved, revision: 2, at: stage.now)
                incident.id = id
                incident.resolved = stage.now.advanced(bySeconds: seconds)
                try await store(incident, stage)
            }
            // One that nobody but the attacker wrote, and one that says of itself that it is approved.
            let forged = try await stage.propose(title: "forged") { $0.runbook = "forged" }
            let plans = try await stage.store.ranked(stage.keys.planIndex(stage.partition), minimum: 0, limit: 10)
            let approved = plans.map(\.member).first { $0 != forged.hash } ?? ""
            _ = try await stage.store.transition(
                Transaction(changes: [
                    .set(
                        key: stage.keys.plan(forged.hash, stage.partition),
                        fields: [
                            Field("state", PlanState.shadow.rawValue),
                            Field("planner-signature", [UInt8](repeating: 0, count: 64)),
                        ])
                ]))
            let text = try processes.agent(["report", "shadow"]).text
            #expect(
                text.contains(
                    "3 plans within 7 days: 0 would have run without approval, 3 with, 0 would have been left to people"
                ),
                "\(text)")
            #expect(text.contains("1 could have ended its incident sooner, by 118 min in all"), "\(text)")
            #expect(text.contains("1 incident was over without a repair before it was done; 1 is no longer known"))
            #expect(text.contains("1 records are not genuine") && !text.contains("forged "))
            #expect(text.contains("APPROVAL") && text.contains("the risk needs approval"), "\(text)")
            let json = try JSONSerialization.jsonObject(
                with: Data(try processes.agent(["report", "shadow", "--output", "json"]).text.utf8))
            let report = try #require(json as? [String: Any])
            #expect(report["helpful"] as? Int == 1 && report["notGenuine"] as? Int == 1)
            // Even approved by the store's word and by a person, nothing is carried out.
            _ = try await stage.store.transition(
                Transaction(changes: [
                    .set(
                        key: stage.keys.plan(approved, stage.partition),
                        fields: [Field("state", PlanState.awaiting.rawValue)]),
                    .rank(
                        key: stage.keys.approvalQueue(stage.partition), member: approved, score: stage.now.rawValue),
                ]))
            try await stage.say(.approve, about: try await stage.record(approved))
            #expect(try await processes.wait(for: approved, while: executor) == .failed)
            #expect(try await stage.record(approved).reason.contains("shadow mode"))
            #expect(try await processes.effects().isEmpty)
        }
    }
}
