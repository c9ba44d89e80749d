import Authority
import Bus
import Logging
import Model
import WireFormat

/// The plans of one partition in the store, as the executor reads and writes them.
///
/// Each change is one commit under the lease, with its link of the audit chain.
struct PlanFiling: Sendable {
    /// Field of a plan's record: how often it was taken up without getting any further.
    static let attempts = "attempts"

    let partition: Partition
    let context: ExecutorSession.Context
    let store: any BusStore
    let keys: Keys
    private let lease: LeaseProof
    /// Plans side by side take turns, so that they do not race each other for the head of the chain.
    private let pen = Slots(1)

    init(
        partition: Partition, lease: LeaseProof, context: ExecutorSession.Context, store: any BusStore, keys: Keys
    ) {
        self.partition = partition
        self.lease = lease
        self.context = context
        self.store = store
        self.keys = keys
    }

    // MARK: Reading

    /// The record of a plan, `nil` where it cannot be read, with its fields; `nil` when there is no such plan.
    func record(_ hash: String) async throws -> (record: PlanRecord?, fields: [String: [UInt8]])? {
        let fields = try await store.fields(keys.plan(hash, partition))
        return fields.isEmpty ? nil : (try? PlanRecord(hash: hash, fields: fields), fields)
    }

    // MARK: Writing

    /// A link to write with a change.
    struct Link: Sendable {
        var action: String
        var subject: String
        var detail: [String: String]
        var trace: TraceContext
    }

    /// Commits changes with a link of the audit chain; a race for its head is tried again.
    ///
    /// - Parameter changes: made anew for each attempt.
    /// - Returns: the check that did not hold; `nil` when everything is written.
    /// - Throws: `FencedError` when the lease is lost.
    func write(
        _ link: Link, time: Timestamp, _ changes: () async throws -> Transaction
    ) async throws -> (key: String, field: String)? {
        try await pen.use {
            for _ in 0..<50 {
                let next = try await AuditChain(keys: keys, digest: context.digest).next(
                    in: partition, store: store, time: time, actor: "sre-executor", action: link.action,
                    subject: link.subject, detail: link.detail, trace: link.trace)
                var transaction = try await changes()
                transaction.lease = lease
                transaction.merge(next.transaction)
                switch try await store.commit(transaction) {
                case .committed, .repeated: return nil
                case .fenced: throw FencedError.fenced
                case .conflict(let key, _) where key == next.head: continue
                case .conflict(let key, let field): return (key, field)
                }
            }
            return (keys.auditHead(partition), "hash")
        }
    }

    private func commit(_ changes: [Transaction.Change]) async throws {
        if case .fenced = try await store.commit(Transaction(lease: lease, changes: changes)) {
            throw FencedError.fenced
        }
    }

    /// Puts a plan into the queue of executions.
    func enqueue(_ hash: String) async throws {
        try await commit([
            .rank(key: keys.executionQueue(partition), member: hash, score: context.now().rawValue)
        ])
    }

    /// Counts that a plan is taken up, before anything is done for it.
    ///
    /// - Returns: how often that was since it got any further.
    func countAttempt(_ hash: String) async throws -> Int {
        let key = keys.plan(hash, partition)
        try await commit([.increment(key: key, field: Self.attempts, by: 1)])
        let count = try await store.fields(key)[Self.attempts].map { String(decoding: $0, as: UTF8.self) }
        return count.flatMap { Int($0) } ?? 1
    }

    /// Takes a plan that nothing is to be done for out of the queue of executions.
    func dequeue(_ hash: String) async throws {
        try await commit([.unrank(key: keys.executionQueue(partition), member: hash)])
    }

    // MARK: Decisions without a plan

    /// Field of the executor's state: the last decision without a plan that people were told of.
    private static let orphan = "orphan"

    /// Tells people, once, of a decision that no plan can be found by.
    ///
    /// - Parameter takenUp: ids of plans that were decided, and are taken up without it.
    func tell(ofOrphan entry: StreamEntry, _ reason: String, takenUp: [String]) async throws {
        let state = keys.state(ExecutorSession.role, partition)
        let told = try await store.fields(state)[Self.orphan]
        guard told != Array("\(entry.id)".utf8) else { return }
        let time = context.now()
        let subject = "\(keys.stream(.decisions, partition)) \(entry.id)"
        let trace = TraceContext(seed: subject)
        let text = entry.fields.map { "\($0.name)=\(String(decoding: $0.value, as: UTF8.self))" }.joined(separator: " ")
        let link = Link(
            action: "decision.unreadable", subject: subject,
            detail: [
                "reason": reason, "taken-up": takenUp.joined(separator: " "),
                "entry": context.digest.sha256(Array(text.utf8)),
            ], trace: trace)
        context.logger.error(
            "a decision belongs to no plan", metadata: ["entry": "\(subject)", "reason": "\(reason)"])
        let notice = Notice(orphan: subject, reason: reason, takenUp: takenUp, time: time)
        let conflict = try await write(link, time: time) {
            Transaction(
                checks: [.init(key: state, field: Self.orphan, value: told)],
                changes: [
                    .set(key: state, fields: [Field(Self.orphan, "\(entry.id)")]),
                    .append(stream: keys.stream(.notices, partition), fields: notice.plainFields(trace)),
                ])
        }
        if let conflict { throw CommitConflict(key: conflict.key, field: conflict.field) }
    }

    // MARK: Plans that are over

    /// What has to be written with the end of a plan: the outcome, and what people are to be told.
    func ending(_ outcome: Outcome, _ plan: Plan, id: String, _ trace: TraceContext) throws -> [Transaction.Change] {
        let envelope = try Envelope(
            outcome, id: id, source: "sre-executor", time: outcome.time, trace: trace,
            notes: [
                Field("plan", outcome.planID), Field("state", outcome.state.rawValue), Field("detail", outcome.detail),
            ])
        var changes: [Transaction.Change] = [
            .append(stream: keys.stream(.outcomes, partition), fields: envelope.fields)
        ]
        guard outcome.state.isTerminal else { return changes }
        changes.append(.unrank(key: keys.executionQueue(partition), member: outcome.planHash))
        let notice = Notice(endOf: outcome, plan: plan)
        changes.append(.append(stream: keys.stream(.notices, partition), fields: try notice.fields(trace)))
        return changes
    }

    /// Ends a plan that is not carried out, or no further.
    func settle(
        _ record: PlanRecord, _ state: PlanState, _ reason: String, _ action: String, _ trace: TraceContext,
        progress: Outcome? = nil
    ) async throws {
        let key = keys.plan(record.hash, partition)
        let plan = try? record.plan()
        let time = context.now()
        let link = Link(
            action: action, subject: record.hash,
            detail: ["plan": record.id, "state": state.rawValue, "reason": reason], trace: trace)
        let conflict = try await write(link, time: time) {
            var fields = [
                Field("state", state.rawValue), Field("version", "\(record.version + 1)"), Field("reason", reason),
            ]
            var transaction = Transaction(checks: [.init(key: key, field: "version", text: "\(record.version)")])
            transaction.changes.append(.unrank(key: keys.approvalQueue(partition), member: record.hash))
            if let plan {
                let outcome = Outcome(
                    planID: record.id, planHash: record.hash, incidentID: plan.incidentID, target: plan.target,
                    state: state, detail: reason, steps: progress?.steps ?? [], time: time, runbook: plan.runbook)
                fields.append(Field("progress", try outcome.canonicalJSON()))
                transaction.changes += try ending(outcome, plan, id: "\(record.hash)-\(record.version + 1)", trace)
                let active = keys.activePlan("\(plan.target)", partition)
                if try await store.fields(active)["plan"] == Array(record.hash.utf8) {
                    transaction.changes.append(.remove(key: active))
                }
            } else {
                transaction.changes.append(.unrank(key: keys.executionQueue(partition), member: record.hash))
            }
            transaction.changes.append(.set(key: key, fields: fields))
            return transaction
        }
        if let conflict { throw CommitConflict(key: conflict.key, field: conflict.field) }
    }

    /// Hands a plan to a person whose record cannot be read.
    func parkUnreadable(_ hash: String, _ fields: [String: [UInt8]], _ reason: String) async throws {
        func text(_ name: String) -> String? { fields[name].map { String(decoding: $0, as: UTF8.self) } }
        let known = text("state").flatMap(PlanState.init(rawValue:))
        guard known?.isTerminal != true else { return try await dequeue(hash) }
        let key = keys.plan(hash, partition)
        let id = text("id") ?? hash
        let time = context.now()
        let trace = TraceContext(seed: hash)
        let link = Link(
            action: "plan.given-up", subject: hash,
            detail: ["plan": id, "state": PlanState.needsHuman.rawValue, "reason": reason], trace: trace)
        let conflict = try await write(link, time: time) {
            var transaction = Transaction(checks: [.init(key: key, field: "version", value: fields["version"])])
            transaction.changes = [
                .set(
                    key: key,
                    fields: [
                        Field("state", PlanState.needsHuman.rawValue), Field("reason", reason),
                        Field("version", "\((text("version").flatMap { Int64($0) } ?? 0) + 1)"),
                    ]), .unrank(key: keys.approvalQueue(partition), member: hash),
                .unrank(key: keys.executionQueue(partition), member: hash),
                .append(
                    stream: keys.stream(.notices, partition),
                    fields: Notice(unreadable: id, hash: hash, reason: reason, time: time).plainFields(trace)),
            ]
            return transaction
        }
        if let conflict { throw CommitConflict(key: conflict.key, field: conflict.field) }
    }
}
