import Bus
import Synchronization

/// A store between a caller and another one that fails as a real one does.
package final class FaultyStore: BusStore {
    /// What happens to one operation.
    package enum Fault: Sendable, Equatable {
        /// The request never arrives.
        case lostBefore
        /// It is executed, and the reply is lost.
        case lostAfter
        /// It is executed twice, as when a client repeats it; the second answer is the one that arrives.
        case repeated
        /// The server answers with an error instead of executing it: `READONLY`, `LOADING`, `BUSY`, `MOVED`, `ASK`,
        /// `TRYAGAIN`, `CLUSTERDOWN`, or a missing function.
        case answered(String)
        /// Memory is full: what admits work is refused, what finishes work is executed.
        case outOfMemory
        /// The newest operations are lost at a failover, this one with them.
        case failover(losing: Int)
    }

    /// The store behind.
    package let inner: ModelStore
    private let draw: Mutex<(@Sendable () -> Fault?)?>

    /// - Parameter draw: says what happens to the next operation; `nil` to execute it.
    package init(_ inner: ModelStore = ModelStore(), draw: (@Sendable () -> Fault?)? = nil) {
        self.inner = inner
        self.draw = Mutex(draw)
        inner.rememberOperations(16)
    }

    /// Faults with the given shares of a thousand operations, drawn from a seed.
    package convenience init(seed: UInt64, perThousand: [(Fault, Int)], inner: ModelStore = ModelStore()) {
        let generator = Shared(SeededGenerator(seed: seed))
        self.init(inner) {
            var dice = generator.state.withLock { Int.random(in: 0..<1_000, using: &$0) }
            for (fault, share) in perThousand {
                if dice < share { return fault }
                dice -= share
            }
            return nil
        }
    }

    private final class Shared: Sendable {
        let state: Mutex<SeededGenerator>

        init(_ generator: SeededGenerator) { state = Mutex(generator) }
    }

    /// From now on nothing fails.
    package func heal() { draw.withLock { $0 = nil } }

    private func fail<Result>(
        admits: Bool = false, _ body: () async throws(BusError) -> Result
    ) async throws(BusError) -> Result {
        let draw = draw.withLock { $0 }
        switch draw?() {
        case nil: return try await body()
        case .lostBefore: throw BusError(.unavailable, "the connection was closed", outcomeUnknown: true)
        case .lostAfter:
            _ = try await body()
            throw BusError(.unavailable, "the connection was closed", outcomeUnknown: true)
        case .repeated:
            _ = try await body()
            return try await body()
        case .answered(let error): throw BusError(.unavailable, error)
        case .outOfMemory:
            if admits { throw BusError(.unavailable, "OOM command not allowed when used memory > 'maxmemory'") }
            return try await body()
        case .failover(let count):
            _ = try await body()
            inner.lose(count)
            throw BusError(.unavailable, "the connection was closed", outcomeUnknown: true)
        }
    }

    package func append(_ request: AppendRequest) async throws(BusError) -> AppendResult {
        try await fail(admits: true) { () async throws(BusError) in try await inner.append(request) }
    }
    package func read(_ request: ReadRequest) async throws(BusError) -> ReadResult {
        try await fail { () async throws(BusError) in try await inner.read(request) }
    }
    package func commit(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        try await fail { () async throws(BusError) in try await inner.commit(transaction) }
    }
    package func transition(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        try await fail { () async throws(BusError) in try await inner.transition(transaction) }
    }
    package func appendAudit(_ link: AuditAppend) async throws(BusError) -> CommitResult {
        try await fail { () async throws(BusError) in try await inner.appendAudit(link) }
    }
    package func acknowledgeRelay(_ advance: Transaction.Advance) async throws(BusError) -> CommitResult {
        try await fail { () async throws(BusError) in try await inner.acknowledgeRelay(advance) }
    }
    package func setAside(_ request: DeadLetterRequest) async throws(BusError) -> CommitResult {
        try await fail { () async throws(BusError) in try await inner.setAside(request) }
    }
    package func trim(_ request: TrimRequest) async throws(BusError) -> TrimResult {
        try await fail { () async throws(BusError) in try await inner.trim(request) }
    }
    package func popTimers(_ request: TimerRequest) async throws(BusError) -> [EntryID]? {
        try await fail { () async throws(BusError) in try await inner.popTimers(request) }
    }
    package func approve(_ request: ApproveRequest) async throws(BusError) -> ApproveResult {
        try await fail { () async throws(BusError) in try await inner.approve(request) }
    }
    package func takeLease(
        _ key: String, owner: String, expected: LeaseRecord?
    ) async throws(BusError) -> LeaseTaken {
        try await fail { () async throws(BusError) in
            try await inner.takeLease(key, owner: owner, expected: expected)
        }
    }
    package func beatLease(_ proof: LeaseProof) async throws(BusError) -> Bool {
        try await fail { () async throws(BusError) in try await inner.beatLease(proof) }
    }
    package func releaseLease(_ proof: LeaseProof) async throws(BusError) {
        try await fail { () async throws(BusError) in try await inner.releaseLease(proof) }
    }
    package func lease(_ key: String) async throws(BusError) -> LeaseRecord? {
        try await fail { () async throws(BusError) in try await inner.lease(key) }
    }
    package func fields(_ key: String) async throws(BusError) -> [String: [UInt8]] {
        try await fail { () async throws(BusError) in try await inner.fields(key) }
    }
    package func entries(_ stream: String, after: EntryID, limit: Int) async throws(BusError) -> [StreamEntry] {
        try await fail { () async throws(BusError) in try await inner.entries(stream, after: after, limit: limit) }
    }
    package func newestEntries(_ stream: String, limit: Int) async throws(BusError) -> [StreamEntry] {
        try await fail { () async throws(BusError) in try await inner.newestEntries(stream, limit: limit) }
    }
    package func ranked(_ key: String, minimum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        try await fail { () async throws(BusError) in try await inner.ranked(key, minimum: minimum, limit: limit) }
    }
    package func lowest(_ key: String, maximum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        try await fail { () async throws(BusError) in try await inner.lowest(key, maximum: maximum, limit: limit) }
    }
    package func length(_ stream: String) async throws(BusError) -> Int {
        try await fail { () async throws(BusError) in try await inner.length(stream) }
    }
    package func awaitEntries(
        _ positions: [String: EntryID], timeout: Duration
    ) async throws(BusError) -> [String: EntryID] {
        try await inner.awaitEntries(positions, timeout: timeout)
    }
}
