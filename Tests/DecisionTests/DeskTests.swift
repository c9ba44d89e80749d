import Authority
import Bus
import Decision
import Model
import TestSupport
import Testing
import WireFormat

@Suite struct DeskTests {
    private let keys = Keys()
    private let partition = Partition(of: Fixtures.target)

    private func desk(_ store: ModelStore) -> ApprovalDesk {
        ApprovalDesk(store: store, keys: keys, partitions: 16, digest: Fixtures.digest, now: { Fixtures.now })
    }

    private func file(_ store: ModelStore, _ plan: Plan = Fixtures.plan()) async throws -> FiledPlan {
        let record = try Fixtures.record(plan)
        let fields = PlanRecord.fields(
            try PlanIdentity(plan, digest: Fixtures.digest), plan: plan, state: .awaiting,
            plannerSignature: record.plannerSignature, reason: "", traceparent: TraceContext(seed: "t"))
        _ = try await store.transition(
            Transaction(changes: [
                .set(key: keys.plan(record.hash, partition), fields: fields),
                .rank(key: keys.planIndex(partition), member: record.hash, score: 1),
                .rank(key: keys.approvalQueue(partition), member: record.hash, score: 1),
            ]))
        return FiledPlan(record: record, partition: partition)
    }

    private func say(
        _ verdict: Verdict, _ filed: FiledPlan, _ store: ModelStore, by name: String = "jane@example.com",
        role: String = Verifier.approverRole
    ) async throws -> ApproveResult {
        let signed = try Fixtures.statement(
            verdict, about: filed.record, by: name, role: role,
            signer: name.hasPrefix("john") ? Fixtures.second : Fixtures.approver)
        return try await desk(store).submit(
            signed, try ApprovalStatement(json: Array(signed.statement.utf8)), about: filed)
    }

    @Test func anApprovalIsTakenBackUntilThePlanIsClaimed() async throws {
        let store = ModelStore()
        let filed = try await file(store)
        #expect(try await say(.approve, filed, store) == .recorded(state: "APPROVED"))
        #expect(try await say(.revoke, filed, store) == .recorded(state: "REVOKED"))
        #expect(try await say(.revoke, filed, store) == .repeated(state: "REVOKED"))
        #expect(try await say(.approve, filed, store, by: "john@example.com") == .decided(state: "REVOKED"))
        #expect(try await say(.abort, filed, store, by: "john@example.com") == .decided(state: "REVOKED"))
        let decisions = try await store.entries(keys.stream(.decisions, partition), after: .zero, limit: 10)
        #expect(decisions.map { $0.text("state") } == ["APPROVED", "REVOKED"])
        let key = keys.plan(filed.record.hash, partition)
        let other = ModelStore()
        let running = try await file(other)
        _ = try await other.transition(
            Transaction(changes: [.set(key: key, fields: [Field("state", PlanState.running.rawValue)])]))
        #expect(try await say(.revoke, running, other) == .decided(state: "RUNNING"))
        #expect(try await say(.abort, running, other) == .recorded(state: "RUNNING"))
        #expect(try await say(.abort, running, other) == .repeated(state: "RUNNING"))
    }

    /// Statements at the same time: whatever comes first, the record and its audit agree, and a stop is never lost.
    @Test func raceOfApprovalRejectionAndRevocation() async throws {
        for round in 0..<40 {
            let store = ModelStore()
            let filed = try await file(store)
            let results = try await withThrowingTaskGroup(of: ApproveResult.self) { group in
                var verdicts: [(Verdict, String)] = [
                    (.approve, "jane@example.com"), (.reject, "john@example.com"), (.revoke, "jane@example.com"),
                ]
                if round % 2 == 0 { verdicts.reverse() }
                for (verdict, name) in verdicts {
                    group.addTask { try await say(verdict, filed, store, by: name) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let record = try await desk(store).find(filed.record.id).record
            let recorded = results.count { if case .recorded = $0 { true } else { false } }
            #expect(record.state == .rejected || record.state == .revoked)
            let audit = try await store.entries(keys.stream(.audit, partition), after: .zero, limit: 10)
            #expect(audit.count == recorded)
        }
    }

    @Test func breakGlassLeavesAReviewThatAnotherPersonCloses() async throws {
        let store = ModelStore()
        let filed = try await file(store)
        #expect(
            try await say(.approve, filed, store, role: Verifier.breakGlassRole) == .recorded(state: "APPROVED"))
        let desk = desk(store)
        var policy = Fixtures.policy()
        policy.approvers[0].roles.insert(Verifier.breakGlassRole)
        let verifier = Fixtures.verifier(policy)
        func open() async throws -> [String] { try await desk.reviews(verifier).map(\.record.id) }
        #expect(try await open() == [filed.record.id])
        // Taken out of the queue by somebody who can write to the store: nothing is reviewed by that.
        _ = try await store.transition(
            Transaction(changes: [.unrank(key: keys.reviewQueue(partition), member: filed.record.hash)]))
        #expect(try await open() == [filed.record.id])
        #expect(try await say(.review, filed, store, by: "john@example.com") == .recorded(state: "APPROVED"))
        #expect(try await say(.review, filed, store, by: "john@example.com") == .repeated(state: "APPROVED"))
        #expect(try await open().isEmpty)
        let closed = try await desk.find(filed.record.id).record
        #expect(
            verifier.review(of: closed, Fixtures.plan())
                == .closed(
                    letThroughBy: ["jane@example.com"], by: "john@example.com", at: Fixtures.now, comment: ""))
        let actions = try await store.entries(keys.stream(.audit, partition), after: .zero, limit: 10)
            .compactMap { entry -> String? in
                let decoded: AuditEntry? = (try? Envelope(entry)).flatMap { try? $0.decode() }
                return decoded?.action
            }
        #expect(actions == ["plan.break-glass", "plan.review"])
    }
}

@Suite struct ExplanationTests {
    @Test func everyRuleThatDecidesIsNamed() {
        var policy = Fixtures.policy()
        policy.criticalNamespaces = ["shop"]
        policy.actionQuorum = [.runCommand: 3]
        policy.freezeWindows = [TimeWindow(name: "release", zone: .utc)]
        let explanation = PlanExplanation(
            Fixtures.plan(), policy: policy, autoRemediationEnabled: false, track: TrackRecord(), now: Fixtures.now)
        let answers = Dictionary(explanation.findings.map { ($0.topic, $0.answer) }) { $1 }
        #expect(answers["quorum"]?.hasPrefix("3 people") == true)
        #expect(answers["quorum"]?.contains("shop is critical: 2") == true)
        #expect(answers["floor"] == "command.run: at least 0.6")
        #expect(answers["band"]?.hasPrefix("SEMI_AUTO") == true)
        #expect(answers["freeze"]?.contains("release") == true)
        #expect(answers["through the gateway"]?.hasPrefix("no") == true)
        #expect(answers["risk: blast-radius"]?.contains("all") == true)
    }
}

@Suite struct ShadowReportTests {
    @Test func aPlanHelpsWhenTheAgentMayCarryItOutAndItsIncidentOutlastsIt() {
        func item(
            _ id: String, resolvedAfter seconds: Double?, _ known: Bool = true, wouldBe state: PlanState = .awaiting
        ) -> ShadowReport.Case {
            var plan = Fixtures.plan()
            plan.impact.estimatedSeconds = 57
            var incident = Fixtures.incident(status: seconds == nil ? .open : .resolved)
            incident.resolved = seconds.map { Fixtures.now.advanced(bySeconds: $0) }
            return ShadowReport.Case(
                plan: plan, id: id, reason: "shadow mode; it would be \(state.rawValue): the risk: 0.7",
                incident: known ? incident : nil)
        }
        let report = ShadowReport(
            [
                item("a", resolvedAfter: 360), item("b", resolvedAfter: 30),
                item("c", resolvedAfter: nil, wouldBe: .autoReady), item("d", resolvedAfter: nil, false),
                item("e", resolvedAfter: 5_000, wouldBe: .manual), item("f", resolvedAfter: -1),
            ], now: Fixtures.now.advanced(bySeconds: 1_060))
        #expect(report.helpful == 2 && report.needless == 2 && report.unknown == 1 && report.leftToPeople == 1)
        #expect(report.saved == 300 + 1_000)
        #expect(report.dispositions == [.approval: 4, .auto: 1, .people: 1])
        #expect(report.rows.map(\.isOngoing) == [false, false, false, true, false, false])
        #expect(report.rows.allSatisfy { $0.reason == "the risk: 0.7" && ($0.lasted ?? 0) >= 0 })
        let summary = report.summaries.first
        #expect(report.summaries.count == 1 && summary?.runbook == "restart")
        #expect(summary?.plans == 6 && summary?.helpful == 2 && summary?.saved == 1_300 && summary?.executed == 0)
    }
}
