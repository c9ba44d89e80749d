import Authority
import Bus
import Logging
import Model
import WireFormat

/// Carries out the decided plans of one partition, one after the other.
package struct ExecutorSession: PartitionSession {
    /// Name of the role in leases and states.
    package static let role = "executor"
    /// Streams that are read.
    package static let inputs: [Topic] = [.decisions]

    private let partition: Partition
    private let lease: LeaseProof
    private let context: Context
    private let store: any BusStore
    private let keys: Keys

    package init(partition: Partition, lease: LeaseProof, context: Context, store: any BusStore, keys: Keys) {
        self.partition = partition
        self.lease = lease
        self.context = context
        self.store = store
        self.keys = keys
    }

    package mutating func restore(_ snapshot: [UInt8]?) async throws {}
    package mutating func replay(_ entry: StreamEntry, topic: Topic) async throws {}
    package func snapshot() throws -> [UInt8]? { nil }
    package mutating func elapse() async throws -> Transaction { Transaction() }

    package mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction {
        let decision: Decision
        let trace: TraceContext
        do {
            let envelope = try Envelope(entry)
            decision = try envelope.decode()
            trace = envelope.traceparent
        } catch {
            throw UnreadableEntry("\(error)")
        }
        // The entry is a hint; what counts is the plan's record and the signatures in it.
        let fields = try await store.fields(keys.plan(decision.planHash, partition))
        guard !fields.isEmpty else { throw UnreadableEntry("there is no plan \(decision.planHash)") }
        let record: PlanRecord
        do {
            record = try PlanRecord(hash: decision.planHash, fields: fields)
        } catch {
            throw UnreadableEntry("\(error)")
        }
        guard record.state.isReady || record.state.isExecuting else {
            try await bury(record)
            return Transaction()
        }
        do {
            try await execute(record, trace)
        } catch let refusal as Refusal {
            context.logger.error(
                "a plan was refused", metadata: ["plan": "\(record.id)", "reason": "\(refusal)"])
            try await settle(record, Self.state(of: refusal, record), "\(refusal)", "plan.refused", trace)
        }
        return Transaction()
    }

    /// Claims a plan that a person rejected or revoked, so that it cannot be carried out even if the store forgets that.
    private func bury(_ record: PlanRecord) async throws {
        let verifier = context.verifier()
        guard record.state == .rejected || record.state == .revoked, let plan = try? verifier.genuine(record),
            let stopped = verifier.stopped(plan, record, now: context.now())
        else { return }
        var claim = claim(plan, record)
        claim.progress.state = stopped.state
        claim.progress.detail = "\(stopped.by) stopped the plan before it was carried out"
        if try await context.claims.create(claim) != nil {
            context.logger.info("a plan was stopped for good", metadata: ["plan": "\(record.id)"])
        }
    }

    // MARK: From the record to the claim

    private func execute(_ record: PlanRecord, _ trace: TraceContext) async throws {
        let verifier = context.verifier()
        // Where to look for the claim is not secret; a false target finds none, or another plan's, and is refused below.
        let claimed = try await context.claims.read(record.hash, target: try genuine(record, verifier).target)
        if let claimed, claimed.isFinished {
            // Whatever the store says: the plan was carried out, once.
            let progress = claimed.progress
            return try await settle(
                record, progress.state, progress.detail, "plan.adopted", trace, progress: progress)
        }
        let plan: Plan
        if claimed != nil {
            plan = try verifier.resumable(record, now: context.now())
        } else {
            guard record.state.isReady else { throw Refusal.unclaimed(record.state.rawValue) }
            let labels = try await labels(try genuine(record, verifier))
            plan = try verifier.startable(record, labels: labels, now: try await trustedNow())
            try await context.guardrails(plan, record, verifier, try await history(plan))
        }
        try await context.probe(.afterVerify)
        try await context.probe(.beforeClaim)
        var keeper = keeper(plan, record)
        switch try await keeper.take() {
        case .fresh, .resumed:
            try await context.probe(.afterClaim)
            let journal = ExecutionJournal(
                plan: plan, record: record, partition: partition, lease: lease, context: context, store: store,
                keys: keys, trace: trace)
            let isFresh = keeper.claim.progress.steps.isEmpty && keeper.claim.progress.state == .running
            try await Execution(
                plan: plan, record: record, claim: keeper, isFresh: isFresh, journal: journal, context: context
            ).run()
        case .finished:
            let progress = keeper.claim.progress
            try await settle(record, progress.state, progress.detail, "plan.adopted", trace, progress: progress)
        case .held(let holder): throw ClaimLost("the claim on \(record.id) is held by \(holder)")
        }
    }

    private func genuine(_ record: PlanRecord, _ verifier: Verifier) throws -> Plan { try verifier.genuine(record) }

    /// Labels of the target as they are now, for the floors of the policy.
    private func labels(_ plan: Plan) async throws -> [String: String] {
        let types = Set((plan.steps + plan.rollback).map(\.action.type))
        var labels: [String: String] = [:]
        for target in context.targets where !target.types.isDisjoint(with: types) {
            labels.merge(try await target.labels(of: plan.target)) { $1 }
        }
        return labels
    }

    private func keeper(_ plan: Plan, _ record: PlanRecord) -> ClaimKeeper {
        ClaimKeeper(
            store: context.claims, holder: context.holder, term: context.term, claim: claim(plan, record))
    }

    private func claim(_ plan: Plan, _ record: PlanRecord) -> Claim {
        let now = context.now()
        let progress = Outcome(
            planID: record.id, planHash: record.hash, incidentID: plan.incidentID, target: plan.target,
            state: .running, detail: "claimed", steps: [], time: now, runbook: plan.runbook)
        return Claim(
            planHash: record.hash, holder: context.holder, term: context.term, expires: plan.expires, claimed: now,
            progress: progress)
    }

    private func trustedNow() async throws -> Timestamp {
        do {
            return try await context.clocks.now()
        } catch let disagreement as ClockPanel.Disagreement {
            throw Refusal.clocks("\(disagreement)")
        }
    }

    /// Other claims of the last hour in the namespace, for budgets.
    private func history(_ plan: Plan) async throws -> [Claim] {
        try await context.claims.recent(plan.target, since: context.now().advanced(bySeconds: -3_600))
    }

    // MARK: Plans that are not carried out

    private static func state(of refusal: Refusal, _ record: PlanRecord) -> PlanState {
        switch refusal {
        // Something may have been done already: a person has to look.
        case _ where record.state.isExecuting: .needsHuman
        case .clocks, .unclaimed: .needsHuman
        case .expired: .expired
        case .rejected: .rejected
        case .revoked: .revoked
        case .quorum, .outsideWindow, .otherPolicy: .stale
        default: .failed
        }
    }

    /// The end of a plan as an entry for those who learn from it and those who call people.
    private func outcome(
        _ record: PlanRecord, _ state: PlanState, _ reason: String, _ progress: Outcome?, _ trace: TraceContext
    ) throws -> [Transaction.Change] {
        guard let plan = try? record.plan() else { return [] }
        let outcome = Outcome(
            planID: record.id, planHash: record.hash, incidentID: plan.incidentID, target: plan.target, state: state,
            detail: reason, steps: progress?.steps ?? [], time: context.now(), runbook: plan.runbook)
        let envelope = try Envelope(
            outcome, id: "\(record.hash)-\(record.version + 1)", source: "sre-executor", time: outcome.time,
            trace: trace, notes: [Field("plan", record.id), Field("state", state.rawValue), Field("detail", reason)])
        return [.append(stream: keys.stream(.outcomes, partition), fields: envelope.fields)]
    }

    private func settle(
        _ record: PlanRecord, _ state: PlanState, _ reason: String, _ action: String, _ trace: TraceContext,
        progress: Outcome? = nil
    ) async throws {
        let key = keys.plan(record.hash, partition)
        let target = try? record.plan().target
        let activeKey = target.map { keys.activePlan("\($0)", partition) }
        for _ in 0..<20 {
            let link = try await AuditChain(keys: keys, digest: context.digest).next(
                in: partition, store: store, time: context.now(), actor: "sre-executor", action: action,
                subject: record.hash, detail: ["plan": record.id, "state": state.rawValue, "reason": reason],
                trace: trace)
            var fields = [
                Field("state", state.rawValue), Field("version", "\(record.version + 1)"), Field("reason", reason),
            ]
            if let progress { fields.append(Field("progress", try progress.canonicalJSON())) }
            let outcome = try outcome(record, state, reason, progress, trace)
            var transaction = Transaction(
                lease: lease, checks: [.init(key: key, field: "version", text: "\(record.version)")],
                changes: [
                    .set(key: key, fields: fields),
                    .unrank(key: keys.approvalQueue(partition), member: record.hash),
                ] + outcome)
            if let activeKey, try await store.fields(activeKey)["plan"] == Array(record.hash.utf8) {
                transaction.changes.append(.remove(key: activeKey))
            }
            transaction.merge(link.transaction)
            switch try await store.commit(transaction) {
            case .committed, .repeated: return
            case .fenced: throw FencedError.fenced
            case .conflict(let key, _) where key == link.head: continue
            case .conflict(let key, let field): throw CommitConflict(key: key, field: field)
            }
        }
        throw CommitConflict(key: keys.auditHead(partition), field: "hash")
    }
}
