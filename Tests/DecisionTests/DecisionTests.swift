import Authority
import Bus
import Decision
import Model
import Signatures
import Synchronization
import TestSupport
import Testing
import WireFormat

@Suite struct RiskModelTests {
    private let input = RiskInput(
        severity: .high, isCritical: false, blastRadius: 1, reversibility: 0.5, confidence: 1, lead: 1,
        baselineConfidence: 1, recent: RecentExecutions(), isStaffed: true, track: TrackRecord(), floor: 0)

    @Test func theScoreIsTheSumOfItsContributions() {
        let assessment = RiskModel.assess(input)
        let sum = assessment.factors.reduce(0) { $0 + $1.contribution }
        #expect(abs(assessment.score - sum) < 0.001)
        #expect(abs(assessment.factors.reduce(0) { $0 + $1.weight } - 1) < 1e-9)
        #expect(assessment.factors.map(\.name).contains("track-record"))
    }

    @Test func nothingLowersTheFloorAndNaNIsTheWorst() {
        var floored = input
        floored.floor = 0.9
        #expect(RiskModel.assess(floored).score == 0.9)
        #expect(RiskModel.assess(floored).band == .manual)
        var unknown = input
        unknown.confidence = .nan
        unknown.blastRadius = .nan
        #expect(RiskModel.assess(unknown).score >= RiskModel.assess(input).score)
        #expect(RiskModel.assess(unknown).score.isFinite)
    }

    @Test func recentExecutionsFailuresAndRolloutsOfOthersRaiseTheRisk() {
        func value(_ recent: RecentExecutions, _ rollouts: Int) -> Double? {
            var input = input
            input.recent = recent
            input.recentRollouts = rollouts
            return RiskModel.assess(input).factors.first { $0.name == "recent-changes" }?.value
        }
        #expect(value(RecentExecutions(), 0) == 0 && value(RecentExecutions(), 1) == 0.333)
        #expect(value(RecentExecutions(count: 1, failed: 1), 0) == 1 && value(RecentExecutions(count: 9), 9) == 1)
    }

    @Test func successLowersTheRiskByItsLowerBound() {
        #expect(TrackRecord(succeeded: 8).interval.lowerBound < 0.7)
        #expect(TrackRecord(succeeded: 8).interval.upperBound > 0.999)
        var proven = input
        proven.track = TrackRecord(succeeded: 50)
        #expect(RiskModel.assess(proven).score < RiskModel.assess(input).score)
    }
}

@Suite struct PlannerTests {
    private let keys = Keys()
    private let partition = Partition(of: Fixtures.target)

    private func runbook(_ name: String = "restart", causes: Set<String> = ["memory-leak"]) -> Runbook {
        Runbook(
            name: name, title: "Restart {name}", match: .init(causes: causes),
            steps: [
                .init(description: "Restart {name}", type: .runCommand, parameters: ["command": "x"], timeoutSeconds: 5)
            ], reversibility: 0.5, blastRadius: 1)
    }

    private func propose(
        _ maker: PlanMaker, for incident: Incident = Fixtures.incident(), track: TrackRecord = TrackRecord(),
        survey change: (inout Survey) -> Void = { _ in }, now: Timestamp = Fixtures.now
    ) -> PlanMaker.Proposal? {
        guard let draft = maker.draft(for: incident) else { return nil }
        var survey = Survey(steps: draft.steps, rollback: draft.rollback)
        change(&survey)
        return maker.propose(
            for: incident, survey: survey, track: { _ in track }, recent: RecentExecutions(), now: now)
    }

    private func session(
        _ store: ModelStore, now: @escaping @Sendable () -> Timestamp = { Fixtures.now },
        policy: Policy = Fixtures.policy()
    ) -> PlannerSession {
        let maker = PlanMaker(runbooks: [runbook()], policy: policy, autoRemediationEnabled: false)
        return PlannerSession(
            partition: partition,
            context: .init(maker: { maker }, signer: Fixtures.planner, digest: Fixtures.digest, now: now),
            store: store, keys: keys)
    }

    private func entry(_ message: some WireMessage) throws -> StreamEntry {
        let envelope = try Envelope(
            message, id: "1", source: "t", time: Fixtures.now, trace: TraceContext(seed: "t"))
        return StreamEntry(id: EntryID(milliseconds: 1, sequence: 0), fields: envelope.fields)
    }

    private func desk(_ store: ModelStore) -> ApprovalDesk {
        ApprovalDesk(store: store, keys: keys, partitions: 16, digest: Fixtures.digest, now: { Fixtures.now })
    }

    @Test func proposesOncePerIncidentAndTheResultIsGenuine() async throws {
        let store = ModelStore()
        var planner = session(store)
        try await planner.restore(nil)
        let first = try await planner.process(entry(Fixtures.incident()), topic: .incidents)
        guard case .committed = try await store.transition(first) else { Issue.record(); return }
        #expect(try await planner.process(entry(Fixtures.incident(revision: 2)), topic: .incidents).isEmpty)
        let pending = try await desk(store).pending()
        #expect(pending.count == 1)
        let plan = try Fixtures.verifier().genuine(try #require(pending.first).record)
        #expect(plan.title == "Restart shop" && plan.steps[0].description == "Restart shop")
        #expect(plan.verification.upper == 110 && plan.verification.lower == nil)
        var successor = session(store)
        try await successor.restore(nil)
        #expect(try await successor.process(entry(Fixtures.incident(revision: 3)), topic: .incidents).isEmpty)
    }

    @Test func aNamespaceThatIsNotOptedInGetsAPlanForPeople() {
        var policy = Fixtures.policy()
        policy.namespaces = []
        let maker = PlanMaker(runbooks: [runbook()], policy: policy, autoRemediationEnabled: true)
        let proposal = propose(maker)
        #expect(proposal?.state == .manual)
        #expect(proposal?.reason.contains("not opted in") == true)
    }

    @Test func whatTheSurveyFindsDecides() {
        var policy = Fixtures.policy()
        policy.floors = [:]
        policy.targetFloors = [
            TargetFloor(pattern: TargetPattern(), labels: ["tier": "database"], actions: [], floor: 0.9)
        ]
        let maker = PlanMaker(runbooks: [runbook()], policy: policy, autoRemediationEnabled: true)
        #expect(propose(maker)?.state == .autoReady || propose(maker)?.state == .awaiting)
        #expect(propose(maker, survey: { $0.objections = ["argocd owns it"] })?.reason == "argocd owns it")
        let database = propose(maker, survey: { $0.labels = ["tier": "database"] })
        #expect(database?.state == .manual && database?.plan.risk.score == 0.9)
        let wide = propose(maker) { $0.impact = Impact(replicas: 10, replicasTouched: 4) }
        #expect(wide?.state == .manual && wide?.reason.contains("4 of 10 replicas") == true)
        let narrow = propose(maker) { $0.impact = Impact(replicas: 10, replicasTouched: 3) }
        #expect(narrow?.state != .manual)
    }

    @Test func autonomyIsEarnedAndOneFailureTakesItBack() {
        var policy = Fixtures.policy()
        policy.floors = [:]
        policy.autonomy = Autonomy(executions: 5, lowerBound: 0.5)
        let maker = PlanMaker(
            runbooks: [
                Runbook(
                    name: "restart", title: "t", match: .init(),
                    steps: [
                        .init(description: "d", type: .runCommand, parameters: ["command": "x"], timeoutSeconds: 5)
                    ],
                    reversibility: 1, blastRadius: 0)
            ], policy: policy, autoRemediationEnabled: true)
        #expect(propose(maker)?.state == .awaiting)
        var track = TrackRecord(succeeded: 20)
        let trusted = propose(maker, track: track)
        #expect(trusted?.state == .autoReady && trusted?.plan.quorum == 0)
        #expect(trusted?.plan.impact.succeeded == 20 && trusted?.plan.impact.executed == 20)
        track.record(success: false)
        let revoked = propose(maker, track: track)
        #expect(revoked?.state == .awaiting)
        #expect(revoked?.reason.contains("5 verified executions in a row, there are 0") == true)
    }

    @Test func shadowModeRecordsOnly() async throws {
        let store = ModelStore()
        let maker = PlanMaker(
            runbooks: [runbook()], policy: Fixtures.policy(), autoRemediationEnabled: true, mode: .shadow)
        var planner = PlannerSession(
            partition: partition,
            context: .init(
                maker: { maker }, signer: Fixtures.planner, digest: Fixtures.digest, now: { Fixtures.now }),
            store: store, keys: keys)
        try await planner.restore(nil)
        _ = try await store.transition(try await planner.process(entry(Fixtures.incident()), topic: .incidents))
        #expect(try await desk(store).pending().isEmpty)
        let recorded = try #require(try await desk(store).recent(limit: 1).first)
        #expect(recorded.record.state == .shadow && recorded.record.reason.contains("it would be AWAITING"))
        #expect(try await store.entries(keys.stream(.decisions, partition), after: .zero, limit: 5).isEmpty)
        #expect(try await planner.process(entry(Fixtures.incident(revision: 2)), topic: .incidents).isEmpty)
    }

    @Test func placeholdersInNamesStayNames() {
        var incident = Fixtures.incident()
        incident.suspects[0].entity.name = "{namespace}{name}"
        let maker = PlanMaker(runbooks: [runbook()], policy: Fixtures.policy(), autoRemediationEnabled: false)
        let proposal = propose(maker, for: incident)
        #expect(proposal?.plan.title == "Restart {namespace}{name}")
    }

    @Test func expiresAndWithdraws() async throws {
        let store = ModelStore()
        let time = Mutex(Fixtures.now)
        var planner = session(store, now: { time.withLock { $0 } })
        try await planner.restore(nil)
        _ = try await store.transition(try await planner.process(entry(Fixtures.incident()), topic: .incidents))
        guard case .taken(let record) = try await store.takeLease("l", owner: "planner", expected: nil) else {
            Issue.record(); return
        }
        var request = TimerRequest(
            lease: LeaseProof(key: "l", owner: "planner", token: record.token), timers: keys.timers(partition),
            stream: keys.stream(.timers, partition), now: Fixtures.now.advanced(bySeconds: 899).rawValue)
        #expect(try await store.popTimers(request) == [])
        request.now = Fixtures.now.advanced(bySeconds: 901).rawValue
        time.withLock { $0 = Fixtures.now.advanced(bySeconds: 901) }
        #expect(try await store.popTimers(request)?.count == 1)
        let due = try #require(try await store.newestEntries(keys.stream(.timers, partition), limit: 1).first)
        _ = try await store.transition(try await planner.process(due, topic: .timers))
        // The timer may come again; the plan is over all the same.
        #expect(try await planner.process(due, topic: .timers).isEmpty)
        #expect(try await desk(store).pending().isEmpty)
        #expect(try await desk(store).recent(limit: 5).map(\.record.state) == [.expired])

        let other = ModelStore()
        var second = session(other)
        try await second.restore(nil)
        _ = try await other.transition(try await second.process(entry(Fixtures.incident()), topic: .incidents))
        _ = try await other.transition(
            try await second.process(entry(Fixtures.incident(status: .resolved)), topic: .incidents))
        #expect(try await desk(other).recent(limit: 5).map(\.record.state) == [.superseded])
    }

    @Test func statementsSettleAPlanOnce() async throws {
        let store = ModelStore()
        var planner = session(store)
        try await planner.restore(nil)
        _ = try await store.transition(try await planner.process(entry(Fixtures.incident()), topic: .incidents))
        let desk = desk(store)
        let filed = try #require(try await desk.pending().first)
        let signed = try Fixtures.statement(about: filed.record)
        let statement = try ApprovalStatement(json: Array(signed.statement.utf8))
        #expect(try await desk.submit(signed, statement, about: filed) == .recorded(state: "APPROVED"))
        #expect(try await desk.submit(signed, statement, about: filed) == .repeated(state: "APPROVED"))
        let no = try Fixtures.statement(.reject, about: filed.record)
        let rejection = try ApprovalStatement(json: Array(no.statement.utf8))
        #expect(try await desk.submit(no, rejection, about: filed) == .contradicts(state: "APPROVED"))
        let record = try await desk.find(filed.record.id).record
        _ = try Fixtures.verifier().startable(record, now: Fixtures.now)
        let audit = try await store.entries(keys.stream(.audit, partition), after: .zero, limit: 10)
        let verifier = AuditVerifier(digest: Fixtures.digest, signatures: Ed25519Verifier(), auditors: [])
        #expect(verifier.firstBreak(audit, head: nil, checkpoints: []) == nil)
        #expect(audit.count == 2)
        let short = String(filed.record.id.prefix(19))
        #expect(try await desk.find(short).record.id == filed.record.id)
        await #expect(throws: PlanLookupError.notFound("PLAN-20200101000000")) {
            try await desk.find("PLAN-20200101000000")
        }
    }
}
