import Authority
import Bus
import Model
import WireFormat

/// Writes the progress of one execution: record, outcome entry and audit link in one commit under the lease.
struct ExecutionJournal: Sendable {
    private let plan: Plan
    private let record: PlanRecord
    private let partition: Partition
    private let lease: LeaseProof
    private let context: ExecutorSession.Context
    private let store: any BusStore
    private let keys: Keys
    private let trace: TraceContext
    private var version: Int64
    private var holdsTarget = false

    init(
        plan: Plan, record: PlanRecord, partition: Partition, lease: LeaseProof, context: ExecutorSession.Context,
        store: any BusStore, keys: Keys, trace: TraceContext
    ) {
        self.plan = plan
        self.record = record
        self.partition = partition
        self.lease = lease
        self.context = context
        self.store = store
        self.keys = keys
        self.trace = trace
        self.version = record.version
    }

    /// Key that names the plan which is being executed on the target.
    var activeKey: String { keys.activePlan("\(plan.target)", partition) }

    /// The approver who asked for the execution to be stopped; `nil` when nobody did.
    func abort() async throws -> String? {
        let fields = try await store.fields(keys.plan(record.hash, partition))
        guard let current = try? PlanRecord(hash: record.hash, fields: fields) else { return nil }
        return context.verifier().abort(of: plan, current, now: context.now())
    }

    /// Writes where the execution stands.
    ///
    /// - Parameters:
    ///   - action: name of the audit entry, such as `step.intent`.
    ///   - isStart: also claims the target, which fails while another plan holds it.
    /// - Throws: `FencedError` when the lease is gone, `CommitConflict` when the record changed meanwhile.
    mutating func write(_ outcome: Outcome, action: String, isStart: Bool = false) async throws {
        let envelope = try Envelope(
            outcome, id: "\(record.hash)-\(version + 1)", source: "sre-executor", time: outcome.time, trace: trace,
            notes: [
                Field("plan", record.id), Field("state", outcome.state.rawValue), Field("detail", outcome.detail),
            ])
        let holder = isStart ? try await store.fields(activeKey)["plan"] : nil
        // Gateway and planner write to the same chain; a lost race for its head is only a reason to read it again.
        // An abort is written to the record beside us, and moves its version.
        for _ in 0..<20 {
            let link = try await AuditChain(keys: keys, digest: context.digest).next(
                in: partition, store: store, time: outcome.time, actor: "sre-executor", action: action,
                subject: record.hash,
                detail: ["plan": record.id, "state": outcome.state.rawValue, "detail": outcome.detail], trace: trace)
            var transaction = try transaction(outcome, envelope)
            if isStart, holder != Array(record.hash.utf8) {
                transaction.checks.append(.init(key: activeKey, field: "plan", value: nil))
                transaction.changes.append(.set(key: activeKey, fields: [Field("plan", record.hash)]))
            }
            transaction.merge(link.transaction)
            switch try await store.commit(transaction) {
            case .committed, .repeated:
                version += 1
                if isStart { holdsTarget = true }
                return
            case .fenced: throw FencedError.fenced
            case .conflict(let key, _) where key == link.head: continue
            case .conflict(let key, let field):
                guard key == keys.plan(record.hash, partition), try await movedByAbort() else {
                    throw CommitConflict(key: key, field: field)
                }
            }
        }
        throw CommitConflict(key: keys.auditHead(partition), field: "hash")
    }

    /// Whether only a statement was added since; takes over the record's new version.
    private mutating func movedByAbort() async throws -> Bool {
        let fields = try await store.fields(keys.plan(record.hash, partition))
        guard let current = try? PlanRecord(hash: record.hash, fields: fields), current.state.isExecuting,
            current.body == record.body, current.version > version
        else { return false }
        version = current.version
        return true
    }

    private func transaction(_ outcome: Outcome, _ envelope: Envelope) throws -> Transaction {
        let key = keys.plan(record.hash, partition)
        var transaction = Transaction(
            lease: lease, checks: [.init(key: key, field: "version", text: "\(version)")],
            changes: [
                .set(
                    key: key,
                    fields: [
                        Field("state", outcome.state.rawValue), Field("version", "\(version + 1)"),
                        Field("reason", outcome.detail), Field("progress", try outcome.canonicalJSON()),
                    ]),
                .unrank(key: keys.approvalQueue(partition), member: record.hash),
                .append(stream: keys.stream(.outcomes, partition), fields: envelope.fields),
            ])
        // A plan that never began does not hold the target.
        if outcome.state.isTerminal, holdsTarget { transaction.changes.append(.remove(key: activeKey)) }
        return transaction
    }
}
