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

    /// What an executor needs besides the store.
    package struct Context: Sendable {
        /// Makes the check against the policy in force.
        package var verifier: @Sendable () -> Verifier
        /// Targets of actions.
        package var targets: [any ActionTarget]
        /// Reads metrics for verification.
        package var metrics: any MetricReader
        /// Hashes audit entries.
        package var digest: any Digest
        /// Wall clock.
        package var now: @Sendable () -> Timestamp
        /// For progress.
        package var logger: Logger

        package init(
            verifier: @escaping @Sendable () -> Verifier, targets: [any ActionTarget], metrics: any MetricReader,
            digest: any Digest, now: @escaping @Sendable () -> Timestamp, logger: Logger
        ) {
            self.verifier = verifier
            self.targets = targets
            self.metrics = metrics
            self.digest = digest
            self.now = now
            self.logger = logger
        }
    }

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
        guard record.state.isReady || record.state.isExecuting else { return Transaction() }
        do {
            let verifier = context.verifier()
            let plan =
                record.state.isReady
                ? try verifier.startable(record, now: context.now())
                : try verifier.resumable(record, now: context.now())
            let journal = ExecutionJournal(
                plan: plan, record: record, partition: partition, lease: lease, context: context, store: store,
                keys: keys, trace: trace)
            try await Execution(plan: plan, record: record, journal: journal, context: context).run()
        } catch let refusal as Refusal {
            context.logger.error(
                "a plan was refused", metadata: ["plan": "\(record.id)", "reason": "\(refusal)"])
            try await refuse(record, refusal, trace)
        }
        return Transaction()
    }

    private func refuse(_ record: PlanRecord, _ refusal: Refusal, _ trace: TraceContext) async throws {
        let state: PlanState
        switch refusal {
        // Something may have been done already: a person has to look.
        case _ where record.state.isExecuting: state = .needsHuman
        case .expired: state = .expired
        case .rejected: state = .rejected
        case .quorum, .outsideWindow, .otherPolicy: state = .stale
        default: state = .failed
        }
        let key = keys.plan(record.hash, partition)
        let link = try await AuditChain(keys: keys, digest: context.digest).next(
            in: partition, store: store, time: context.now(), actor: "sre-executor", action: "plan.refused",
            subject: record.hash, detail: ["plan": record.id, "state": state.rawValue, "reason": "\(refusal)"],
            trace: trace)
        var transaction = Transaction(
            lease: lease, checks: [.init(key: key, field: "version", text: "\(record.version)")],
            changes: [
                .set(
                    key: key,
                    fields: [
                        Field("state", state.rawValue), Field("version", "\(record.version + 1)"),
                        Field("reason", "\(refusal)"),
                    ]),
                .unrank(key: keys.approvalQueue(partition), member: record.hash),
            ])
        if let target = try? record.plan().target {
            let active = keys.activePlan("\(target)", partition)
            let holder = try await store.fields(active)["plan"]
            if holder == Array(record.hash.utf8) { transaction.changes.append(.remove(key: active)) }
        }
        transaction.merge(link.transaction)
        switch try await store.commit(transaction) {
        case .committed, .repeated: return
        case .fenced: throw FencedError.fenced
        case .conflict(let key, let field): throw CommitConflict(key: key, field: field)
        }
    }
}
