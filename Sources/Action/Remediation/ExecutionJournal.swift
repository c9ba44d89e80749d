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

    /// Writes where the execution stands.
    ///
    /// - Parameters:
    ///   - action: name of the audit entry, such as `step.intent`.
    ///   - isStart: also claims the target, which fails while another plan holds it.
    /// - Throws: `FencedError` when the lease is gone, `CommitConflict` when the record changed meanwhile.
    mutating func write(_ machine: ExecutionMachine, action: String, isStart: Bool = false) async throws {
        let outcome = Outcome(
            planID: record.id, planHash: record.hash, incidentID: plan.incidentID, target: plan.target,
            state: machine.state, detail: machine.detail, steps: machine.results, time: context.now(),
            runbook: plan.runbook)
        let envelope = try Envelope(
            outcome, id: "\(record.hash)-\(version + 1)", source: "sre-executor", time: outcome.time, trace: trace,
            notes: [
                Field("plan", record.id), Field("state", machine.state.rawValue), Field("detail", machine.detail),
            ])
        // Gateway and planner write to the same chain; a lost race for its head is only a reason to read it again.
        for _ in 0..<20 {
            let link = try await AuditChain(keys: keys, digest: context.digest).next(
                in: partition, store: store, time: outcome.time, actor: "sre-executor", action: action,
                subject: record.hash,
                detail: ["plan": record.id, "state": machine.state.rawValue, "detail": machine.detail], trace: trace)
            var transaction = try transaction(outcome, envelope, isStart: isStart)
            transaction.merge(link.transaction)
            switch try await store.commit(transaction) {
            case .committed, .repeated:
                version += 1
                return
            case .fenced: throw FencedError.fenced
            case .conflict(let key, _) where key == link.head: continue
            case .conflict(let key, let field): throw CommitConflict(key: key, field: field)
            }
        }
        throw CommitConflict(key: keys.auditHead(partition), field: "hash")
    }

    /// Key that names the plan which is being executed on the target.
    var activeKey: String { keys.activePlan("\(plan.target)", partition) }

    private func transaction(_ outcome: Outcome, _ envelope: Envelope, isStart: Bool) throws -> Transaction {
        let key = keys.plan(record.hash, partition)
        let active = activeKey
        var transaction = Transaction(
            lease: lease, checks: [.init(key: key, field: "version", text: "\(version)")],
            changes: [
                .set(
                    key: key,
                    fields: [
                        Field("state", outcome.state.rawValue), Field("version", "\(version + 1)"),
                        Field("reason", outcome.detail), Field("progress", try outcome.canonicalJSON()),
                    ]),
                .append(stream: keys.stream(.outcomes, partition), fields: envelope.fields),
            ])
        if isStart {
            transaction.checks.append(.init(key: active, field: "plan", value: nil))
            transaction.changes.append(.set(key: active, fields: [Field("plan", record.hash)]))
        }
        // A plan that never began does not hold the target.
        let holdsTarget = record.state.isExecuting || version > record.version
        if outcome.state.isTerminal, holdsTarget { transaction.changes.append(.remove(key: active)) }
        return transaction
    }
}
