import Synchronization

/// The store in memory: the definition of the semantics, and the store of tests and simulations.
package final class ModelStore: BusStore {
    private let contents: Mutex<ModelContents>
    private let waiters = Mutex<[UInt64: Waiter]>([:])
    private let nextWaiter = Atomic<UInt64>(0)

    private struct History {
        var capacity: Int
        var states: [ModelContents]
    }

    private let history = Mutex<History?>(nil)

    private struct Waiter {
        var positions: [String: EntryID]
        var continuation: CheckedContinuation<[String: EntryID], Never>
    }

    /// An empty store whose entry ids count up from millisecond 1.
    package init() { contents = Mutex(ModelContents()) }

    private func apply<Result: Sendable>(_ body: (inout ModelContents) -> Result) -> Result {
        let result = contents.withLock { contents in
            if let kept = history.withLock({ $0?.capacity }) {
                history.withLock { history in
                    history?.states.append(contents)
                    if let count = history?.states.count, count > kept { history?.states.removeFirst(count - kept) }
                }
            }
            return body(&contents)
        }
        wake()
        return result
    }

    /// Remembers the contents before each of the newest operations, so that ``lose(_:)`` can go back to them.
    package func rememberOperations(_ capacity: Int) {
        history.withLock { $0 = History(capacity: capacity, states: []) }
    }

    /// Loses the newest operations, as a failover does that promotes a replica which had not received them, or a file
    /// that is cut short.
    ///
    /// - Returns: how many were lost; at most as many as are remembered.
    @discardableResult
    package func lose(_ operations: Int) -> Int {
        contents.withLock { contents in
            history.withLock { history in
                guard let states = history?.states, operations > 0, !states.isEmpty else { return 0 }
                let lost = min(operations, states.count)
                contents = states[states.count - lost].continued(from: contents)
                history?.states.removeLast(lost)
                return lost
            }
        }
    }

    private func wake() {
        let ready = waiters.withLock { waiters in
            let ready = waiters.compactMap { id, waiter in
                let found = firstEntries(waiter.positions)
                return found.isEmpty ? nil : (id, waiter, found)
            }
            for (id, _, _) in ready { waiters[id] = nil }
            return ready
        }
        for (_, waiter, found) in ready { waiter.continuation.resume(returning: found) }
    }

    private func firstEntries(_ positions: [String: EntryID]) -> [String: EntryID] {
        contents.withLock { contents in
            positions.reduce(into: [:]) { found, item in
                found[item.key] = contents.streams[item.key]?.first { $0.id > item.value }?.id
            }
        }
    }

    package func append(_ request: AppendRequest) async throws(BusError) -> AppendResult {
        apply { $0.append(request) }
    }

    package func read(_ request: ReadRequest) async throws(BusError) -> ReadResult {
        contents.withLock { $0.read(request) }
    }

    package func commit(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        apply { $0.apply(transaction) }
    }

    package func transition(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        apply { $0.apply(transaction) }
    }

    package func appendAudit(_ link: AuditAppend) async throws(BusError) -> CommitResult {
        apply { $0.apply(link.transaction) }
    }

    package func acknowledgeRelay(_ advance: Transaction.Advance) async throws(BusError) -> CommitResult {
        apply { $0.apply(.acknowledging(advance)) }
    }

    package func setAside(_ request: DeadLetterRequest) async throws(BusError) -> CommitResult {
        apply { $0.setAside(request) }
    }

    package func trim(_ request: TrimRequest) async throws(BusError) -> TrimResult {
        apply { $0.trim(request) }
    }

    package func popTimers(_ request: TimerRequest) async throws(BusError) -> [EntryID]? {
        apply { $0.popTimers(request) }
    }

    package func approve(_ request: ApproveRequest) async throws(BusError) -> ApproveResult {
        apply { $0.approve(request) }
    }

    package func takeLease(
        _ key: String, owner: String, expected: LeaseRecord?
    ) async throws(BusError) -> LeaseTaken {
        apply { $0.takeLease(key, owner: owner, expected: expected) }
    }

    package func beatLease(_ proof: LeaseProof) async throws(BusError) -> Bool {
        apply { contents in
            guard contents.holds(proof), var record = contents.leases[proof.key] else { return false }
            record.beat += 1
            contents.leases[proof.key] = record
            return true
        }
    }

    package func releaseLease(_ proof: LeaseProof) async throws(BusError) {
        apply { contents in
            guard contents.holds(proof) else { return }
            contents.leases[proof.key]?.owner = ""
        }
    }

    package func lease(_ key: String) async throws(BusError) -> LeaseRecord? {
        contents.withLock { $0.leases[key] }
    }

    package func fields(_ key: String) async throws(BusError) -> [String: [UInt8]] {
        contents.withLock { $0.hashes[key] ?? [:] }
    }

    package func entries(
        _ stream: String, after: EntryID, limit: Int
    ) async throws(BusError) -> [StreamEntry] {
        contents.withLock { Array(($0.streams[stream] ?? []).filter { $0.id > after }.prefix(limit)) }
    }

    package func newestEntries(_ stream: String, limit: Int) async throws(BusError) -> [StreamEntry] {
        contents.withLock { Array(($0.streams[stream] ?? []).reversed().prefix(limit)) }
    }

    package func ranked(_ key: String, minimum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        contents.withLock { contents in
            (contents.sets[key] ?? [:]).filter { $0.value >= minimum }
                .map { RankedMember(member: $0.key, score: $0.value) }
                .sorted { ($0.score, $0.member) > ($1.score, $1.member) }
                .prefix(limit).map { $0 }
        }
    }

    package func lowest(_ key: String, maximum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        contents.withLock { contents in
            (contents.sets[key] ?? [:]).filter { $0.value <= maximum }
                .map { RankedMember(member: $0.key, score: $0.value) }
                .sorted { ($0.score, $0.member) < ($1.score, $1.member) }
                .prefix(limit).map { $0 }
        }
    }

    package func length(_ stream: String) async throws(BusError) -> Int {
        contents.withLock { $0.streams[stream]?.count ?? 0 }
    }

    package func awaitEntries(
        _ positions: [String: EntryID], timeout: Duration
    ) async throws(BusError) -> [String: EntryID] {
        let found = firstEntries(positions)
        if !found.isEmpty { return found }
        let id = nextWaiter.add(1, ordering: .relaxed).newValue
        return await withTaskGroup(of: [String: EntryID]?.self) { group in
            group.addTask { await self.waitForWake(id, positions) }
            group.addTask {
                try? await ContinuousClock().sleep(for: timeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first ?? [:]
        }
    }

    private func waitForWake(_ id: UInt64, _ positions: [String: EntryID]) async -> [String: EntryID] {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiters.withLock { $0[id] = Waiter(positions: positions, continuation: continuation) }
                wake()
                if Task.isCancelled { cancelWaiter(id) }
            }
        } onCancel: {
            cancelWaiter(id)
        }
    }

    private func cancelWaiter(_ id: UInt64) {
        waiters.withLock { $0.removeValue(forKey: id) }?.continuation.resume(returning: [:])
    }
}
