import Authority
import Bus
import Model
import WireFormat

/// Plans for the incidents of one partition, and their expiry.
package struct PlannerSession: PartitionSession {
    /// Name of the role in leases and states.
    package static let role = "planner"
    /// Streams that are read.
    package static let inputs: [Topic] = [.incidents, .outcomes, .timers]
    /// Begins the names of the timers that end plans; the plan's hash follows.
    private static let expiryTimer = "expiry:"

    /// What a planner needs besides the store.
    package struct Context: Sendable {
        /// The plan maker with the policy and the catalogue in force.
        package var maker: @Sendable () -> PlanMaker
        /// Looks at targets.
        package var surveyor: any TargetSurveyor
        /// Signs them.
        package var signer: any Signer
        /// Hashes them.
        package var digest: any Digest
        /// Wall clock.
        package var now: @Sendable () -> Timestamp
        /// Called at each ``PlannerPoint``; throws to let the planner die there.
        package var probe: @Sendable (PlannerPoint) async throws -> Void

        package init(
            maker: @escaping @Sendable () -> PlanMaker, surveyor: any TargetSurveyor = AbsentSurveyor(),
            signer: any Signer, digest: any Digest, now: @escaping @Sendable () -> Timestamp,
            probe: @escaping @Sendable (PlannerPoint) async throws -> Void = { _ in }
        ) {
            self.maker = maker
            self.surveyor = surveyor
            self.signer = signer
            self.digest = digest
            self.now = now
            self.probe = probe
        }
    }

    private struct Known {
        var incident: String
        var target: String
        var runbook: String
        var state: PlanState
        var changed: Int64
        /// Its end is in the track record already.
        var isCounted = false
    }

    private let partition: Partition
    private let context: Context
    private let store: any BusStore
    private let keys: Keys
    private let audit: AuditChain
    private var plans: [String: Known] = [:]
    private var track: [String: TrackRecord] = [:]
    /// A plan was handed over to be committed.
    private var hasProposed = false

    package init(partition: Partition, context: Context, store: any BusStore, keys: Keys) {
        self.partition = partition
        self.context = context
        self.store = store
        self.keys = keys
        self.audit = AuditChain(keys: keys, digest: context.digest)
    }

    package mutating func restore(_ snapshot: [UInt8]?) async throws {
        let since = context.now().rawValue - 86_400_000
        for member in try await store.ranked(keys.planIndex(partition), minimum: since, limit: 10_000) {
            let fields = try await store.fields(keys.plan(member.member, partition))
            guard let record = try? PlanRecord(hash: member.member, fields: fields), let plan = try? record.plan()
            else { continue }
            plans[member.member] = Known(
                incident: plan.incidentID, target: "\(plan.target)", runbook: plan.runbook, state: record.state,
                changed: record.progress?.time.rawValue ?? plan.created.rawValue,
                isCounted: fields["counted"] != nil)
        }
        for (name, value) in try await store.fields(keys.trackRecord(partition)) {
            guard let colon = name.lastIndex(of: ":"), let count = Int(String(decoding: value, as: UTF8.self)) else {
                continue
            }
            let key = String(name[..<colon])
            if name.hasSuffix(":succeeded") { track[key, default: .init()].succeeded = count }
            if name.hasSuffix(":failed") { track[key, default: .init()].failed = count }
            if name.hasSuffix(":streak") { track[key, default: .init()].streak = count }
        }
    }

    package func snapshot() throws -> [UInt8]? { nil }

    package mutating func replay(_ entry: StreamEntry, topic: Topic) async throws {}

    package mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction {
        try await noteProposal()
        if topic == .timers { return try await expire(entry) }
        do {
            let envelope = try Envelope(entry)
            if topic == .outcomes { return try learn(from: try envelope.decode()) }
            let incident: Incident = try envelope.decode()
            return incident.status == .resolved
                ? try await withdraw(incident, envelope.traceparent) : try await plan(incident, envelope.traceparent)
        } catch let error as WireError {
            throw UnreadableEntry("\(error)")
        }
    }

    // MARK: Incidents

    private mutating func plan(_ incident: Incident, _ trace: TraceContext) async throws -> Transaction {
        try await refresh(incident.id)
        let own = plans.values.filter { $0.incident == incident.id }
        // A plan that is alive, or that a person stopped, or whose outcome a person must look at, stands.
        let standing: Set<PlanState> = [.rejected, .revoked, .needsHuman, .failed, .manual, .shadow]
        guard !own.contains(where: { !$0.state.isTerminal || standing.contains($0.state) }) else {
            return Transaction()
        }
        let tried = Set(own.filter { $0.state == .rolledBack || $0.state == .succeeded }.map(\.runbook))
        let now = context.now()
        let target = incident.suspects.first.map { "\($0.entity)" } ?? ""
        let ended = plans.values.filter {
            $0.target == target && now.rawValue - $0.changed < 3_600_000
                && [.succeeded, .rolledBack, .failed, .needsHuman].contains($0.state)
        }
        let recent = RecentExecutions(count: ended.count, failed: ended.count { $0.state != .succeeded })
        let track = track
        let maker = context.maker()
        guard let draft = maker.draft(for: incident, tried: tried) else { return Transaction() }
        let survey = await context.surveyor.survey(draft)
        try await context.probe(.afterSurvey)
        guard
            let proposal = maker.propose(
                for: incident, survey: survey, tried: tried, track: { track[$0] ?? TrackRecord() }, recent: recent,
                now: now)
        else { return Transaction() }
        let proposing = try await transaction(proposing: proposal, trace)
        try await context.probe(.beforePropose)
        hasProposed = true
        return proposing
    }

    private mutating func transaction(
        proposing proposal: PlanMaker.Proposal, _ trace: TraceContext
    ) async throws -> Transaction {
        let plan = proposal.plan
        let identity = try PlanIdentity(plan, digest: context.digest)
        let signature = try context.signer.sign(Array(identity.hash.utf8))
        let key = keys.plan(identity.hash, partition)
        let child = trace.child(identity.hash)
        var transaction = Transaction(
            checks: [.init(key: key, field: "state", value: nil)],
            changes: [
                .set(
                    key: key,
                    fields: PlanRecord.fields(
                        identity, plan: plan, state: proposal.state, plannerSignature: signature,
                        reason: proposal.reason, traceparent: child)),
                .rank(key: keys.planIndex(partition), member: identity.hash, score: plan.created.rawValue),
            ])
        let notes = [
            Field("plan", identity.id), Field("hash", identity.hash), Field("state", proposal.state.rawValue),
            Field("risk", "\(plan.risk.score) \(plan.risk.band.rawValue)"), Field("title", plan.title),
        ]
        let envelope = try Envelope(
            plan, id: identity.hash, source: "sre-planner", time: plan.created, trace: child, notes: notes)
        transaction.changes.append(.append(stream: keys.stream(.plans, partition), fields: envelope.fields))
        switch proposal.state {
        case .autoReady:
            let decision = Decision(
                planID: identity.id, planHash: identity.hash, state: .autoReady, actor: "policy", time: plan.created,
                reason: proposal.reason)
            transaction.changes.append(try decisionEntry(decision, child))
        case .shadow: break
        default:
            transaction.changes.append(
                .rank(key: keys.approvalQueue(partition), member: identity.hash, score: plan.expires.rawValue))
            transaction.changes.append(
                .rank(
                    key: keys.timers(partition), member: Self.expiryTimer + identity.hash,
                    score: plan.expires.rawValue))
        }
        try await transaction.merge(
            link(
                "plan.proposed", identity.hash,
                [
                    "plan": identity.id, "state": proposal.state.rawValue, "incident": plan.incidentID,
                    "risk": "\(plan.risk.score)", "reason": proposal.reason,
                ], child))
        plans[identity.hash] = Known(
            incident: plan.incidentID, target: "\(plan.target)", runbook: plan.runbook, state: proposal.state,
            changed: plan.created.rawValue)
        return transaction
    }

    private mutating func withdraw(_ incident: Incident, _ trace: TraceContext) async throws -> Transaction {
        try await refresh(incident.id)
        // Also one that was approved, as long as nobody has begun it: there is nothing left to repair.
        let open: Set<PlanState> = [.awaiting, .manual, .approved, .autoReady]
        guard let hash = plans.first(where: { $0.value.incident == incident.id && open.contains($0.value.state) })?.key
        else { return Transaction() }
        return try await end(hash, as: .superseded, reason: "the incident is over", trace)
    }

    // MARK: Time

    package mutating func elapse() async throws -> Transaction {
        try await noteProposal()
        return Transaction()
    }

    /// What was handed over is committed by the time the session is called again.
    private mutating func noteProposal() async throws {
        guard hasProposed else { return }
        hasProposed = false
        try await context.probe(.afterPropose)
    }

    /// A plan's time is over; whoever decided it before was earlier.
    private mutating func expire(_ entry: StreamEntry) async throws -> Transaction {
        guard let timer = entry.text("timer"), timer.hasPrefix(Self.expiryTimer) else {
            throw UnreadableEntry("unknown timer '\(entry.text("timer") ?? "")'")
        }
        let hash = String(timer.dropFirst(Self.expiryTimer.count))
        let fields = try await store.fields(keys.plan(hash, partition))
        let open: Set<PlanState> = [.awaiting, .manual]
        guard let record = try? PlanRecord(hash: hash, fields: fields), open.contains(record.state) else {
            return Transaction()
        }
        return try await end(hash, as: .expired, reason: "nobody decided in time", TraceContext(seed: hash))
    }

    private mutating func end(
        _ hash: String, as state: PlanState, reason: String, _ trace: TraceContext
    ) async throws -> Transaction {
        let key = keys.plan(hash, partition)
        let fields = try await store.fields(key)
        let record = try PlanRecord(hash: hash, fields: fields)
        var transaction = Transaction(
            checks: [.init(key: key, field: "version", text: "\(record.version)")],
            changes: [
                .set(
                    key: key,
                    fields: [
                        Field("state", state.rawValue), Field("version", "\(record.version + 1)"),
                        Field("reason", reason),
                    ]),
                .unrank(key: keys.approvalQueue(partition), member: hash),
            ])
        let decision = Decision(
            planID: record.id, planHash: hash, state: state, actor: "sre-planner", time: context.now(), reason: reason)
        transaction.changes.append(try decisionEntry(decision, trace))
        try await transaction.merge(
            link("plan.\(state.rawValue.lowercased())", hash, ["plan": record.id, "reason": reason], trace))
        plans[hash]?.state = state
        return transaction
    }

    // MARK: Outcomes

    private mutating func learn(from outcome: Outcome) throws -> Transaction {
        let isCounted = plans[outcome.planHash]?.isCounted ?? false
        plans[outcome.planHash]?.state = outcome.state
        plans[outcome.planHash]?.changed = outcome.time.rawValue
        // What was refused before its first step says nothing about the runbook.
        let isAttempt = outcome.state == .succeeded || !outcome.steps.isEmpty
        guard outcome.state.isTerminal, !isCounted, isAttempt else { return Transaction() }
        plans[outcome.planHash]?.isCounted = true
        let name = TrackRecord.key(runbook: outcome.runbook, target: outcome.target)
        track[name, default: .init()].record(success: outcome.state == .succeeded)
        let record = track[name] ?? TrackRecord()
        let fields = [
            Field("\(name):succeeded", "\(record.succeeded)"), Field("\(name):failed", "\(record.failed)"),
            Field("\(name):streak", "\(record.streak)"),
        ]
        return Transaction(changes: [
            .set(key: keys.trackRecord(partition), fields: fields),
            .set(key: keys.plan(outcome.planHash, partition), fields: [Field("counted", "1")]),
        ])
    }

    // MARK: Store

    private mutating func refresh(_ incident: String) async throws {
        for (hash, plan) in plans where plan.incident == incident && !plan.state.isTerminal {
            try await refresh(hash: hash)
        }
    }

    private mutating func refresh(hash: String) async throws {
        let fields = try await store.fields(keys.plan(hash, partition))
        if let record = try? PlanRecord(hash: hash, fields: fields) { plans[hash]?.state = record.state }
    }

    private func decisionEntry(_ decision: Decision, _ trace: TraceContext) throws -> Transaction.Change {
        let envelope = try Envelope(
            decision, id: "\(decision.planHash)-\(decision.state.rawValue)", source: "sre-planner",
            time: decision.time, trace: trace,
            notes: [Field("plan", decision.planID), Field("state", decision.state.rawValue)])
        return .append(stream: keys.stream(.decisions, partition), fields: envelope.fields)
    }

    private func link(
        _ action: String, _ hash: String, _ detail: [String: String], _ trace: TraceContext
    ) async throws -> Transaction {
        try await audit.next(
            in: partition, store: store, time: context.now(), actor: "sre-planner", action: action, subject: hash,
            detail: detail, trace: trace
        ).transaction
    }
}
