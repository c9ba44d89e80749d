import Authority
import Bus
import Logging
import Model
import WireFormat

/// Takes up the decided plans of one partition, which are then carried out side by side.
///
/// The step past a decision is committed after the plan is in the queue of executions, and the plan leaves the queue with
/// the commit that ends it: whoever opens the partition next finds every plan that was taken up and not ended.
package struct ExecutorSession: PartitionSession {
    /// Name of the role in leases and states.
    package static let role = "executor"
    /// Streams that are read.
    package static let inputs: [Topic] = [.decisions]

    private let partition: Partition
    private let store: any BusStore
    private let keys: Keys
    private let pool = ExecutionPool()
    private let executor: PlanExecutor

    package init(partition: Partition, lease: LeaseProof, context: Context, store: any BusStore, keys: Keys) {
        self.partition = partition
        self.store = store
        self.keys = keys
        executor = PlanExecutor(
            context: context,
            filing: PlanFiling(partition: partition, lease: lease, context: context, store: store, keys: keys))
    }

    package var companion: (@Sendable () async -> Void)? {
        let executor = executor
        let pool = pool
        return { await pool.run { try await executor.carryOut($0) } }
    }

    /// No more decisions will come: the companion returns when the plans that were taken up are over.
    package func close() { pool.close() }

    package func snapshot() throws -> [UInt8]? { nil }
    package mutating func replay(_ entry: StreamEntry, topic: Topic) async throws {}

    package mutating func elapse() async throws -> Transaction {
        try pool.check()
        return Transaction()
    }

    package mutating func restore(_ snapshot: [UInt8]?) async throws {
        let queued = try await store.lowest(keys.executionQueue(partition), maximum: .max, limit: 100_000)
        for member in queued { pool.submit(.init(hash: member.member, trace: TraceContext(seed: member.member))) }
    }

    package mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction {
        try pool.check()
        let decision: Decision
        let trace: TraceContext
        do {
            let envelope = try Envelope(entry)
            decision = try envelope.decode()
            trace = envelope.traceparent
        } catch {
            try await refuse(entry, "the decision \(entry.id) cannot be read: \(error)")
            return Transaction()
        }
        // The entry is a hint; what counts is the plan's record and the signatures in it.
        guard try await !store.fields(keys.plan(decision.planHash, partition)).isEmpty else {
            throw try await orphaned(entry, "there is no plan \(decision.planHash)")
        }
        guard !pool.holds(decision.planHash) else { return Transaction() }
        try await executor.filing.enqueue(decision.planHash)
        pool.submit(.init(hash: decision.planHash, trace: trace))
        return Transaction()
    }

    package mutating func giveUp(
        _ entry: StreamEntry, topic: Topic, reason: String
    ) async throws -> Transaction? {
        guard Self.planHash(entry) != nil else {
            _ = try await orphaned(entry, reason)
            return nil
        }
        try await refuse(entry, "the decision \(entry.id) was \(reason)")
        return Transaction()
    }

    // MARK: Decisions that cannot be read

    /// The plan that an entry is about, by its id `HASH-STATE`.
    private static func planHash(_ entry: StreamEntry) -> String? {
        guard let hash = entry.text("id")?.prefix(while: { $0 != "-" }), hash.utf8.count == 64,
            hash.allSatisfy(\.isHexDigit)
        else { return nil }
        return String(hash)
    }

    /// Hands the plan of a decision that cannot be read to a person, if it was to be carried out.
    ///
    /// - Throws: `UnreadableEntry` when the entry does not even say which plan it is about.
    private func refuse(_ entry: StreamEntry, _ reason: String) async throws {
        guard let hash = Self.planHash(entry) else { throw try await orphaned(entry, reason) }
        guard !pool.holds(hash) else { return }
        try await executor.park(hash, reason, TraceContext(seed: hash), isBegun: false)
    }

    /// A decision that no plan can be found by: people are told, and the entry is kept with the dead letters.
    ///
    /// It is the hint that is lost, not the decision, which stands in the plan's record with its signatures: plans that
    /// are decided and not taken up are taken up from their records, and checked like every other.
    ///
    /// - Returns: what to throw to have the entry set aside.
    private func orphaned(_ entry: StreamEntry, _ reason: String) async throws -> UnreadableEntry {
        var found: [String] = []
        for member in try await store.ranked(keys.planIndex(partition), minimum: 0, limit: 10_000) {
            guard !pool.holds(member.member), let filed = try await executor.filing.record(member.member),
                let record = filed.record, record.state.isReady
            else { continue }
            found.append(record.id)
            try await executor.filing.enqueue(record.hash)
            pool.submit(.init(hash: record.hash, trace: TraceContext(seed: record.hash)))
        }
        try await executor.filing.tell(ofOrphan: entry, reason, takenUp: found)
        return UnreadableEntry(reason)
    }
}
