import Bus
import Model

/// A store between a caller and another one, at which the caller's changes can be held up, lost, or have their answer lost.
package final class HookedStore: BusStore {
    /// A change that is about to be made.
    package enum Change: Sendable {
        case transaction(Transaction)
        case statement(ApproveRequest)

        /// Key and fields that are checked.
        package var checks: [Transaction.Check] {
            switch self {
            case .transaction(let transaction): transaction.checks
            case .statement: []
            }
        }
    }

    /// What becomes of a change and its answer.
    package enum Delivery: String, Sendable, CaseIterable {
        case answered, lostBefore, lostAfter
    }

    private let inner: any BusStore
    private let before: @Sendable (Change) async -> Delivery
    private let after: @Sendable (Change, Bool) -> Void

    /// - Parameters:
    ///   - inner: the store behind.
    ///   - before: called ahead of each change; the change waits for it.
    ///   - after: called with each change and whether it was made.
    package init(
        _ inner: any BusStore, before: @escaping @Sendable (Change) async -> Delivery = { _ in .answered },
        after: @escaping @Sendable (Change, Bool) -> Void = { _, _ in }
    ) {
        self.inner = inner
        self.before = before
        self.after = after
    }

    private func deliver<Result>(
        _ change: Change, _ isMade: (Result) -> Bool, _ body: () async throws(BusError) -> Result
    ) async throws(BusError) -> Result {
        let lost = BusError(.unavailable, "the connection was closed", outcomeUnknown: true)
        let delivery = await before(change)
        guard delivery != .lostBefore else { throw lost }
        let result = try await body()
        after(change, isMade(result))
        guard delivery != .lostAfter else { throw lost }
        return result
    }

    private static func isCommitted(_ result: CommitResult) -> Bool {
        if case .committed = result { true } else { false }
    }

    package func commit(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        try await deliver(.transaction(transaction), Self.isCommitted) { () async throws(BusError) in
            try await inner.commit(transaction)
        }
    }

    package func transition(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        try await deliver(.transaction(transaction), Self.isCommitted) { () async throws(BusError) in
            try await inner.transition(transaction)
        }
    }

    package func approve(_ request: ApproveRequest) async throws(BusError) -> ApproveResult {
        try await deliver(
            .statement(request), { if case .recorded = $0 { true } else { false } }
        ) { () async throws(BusError) in try await inner.approve(request) }
    }

    // MARK: Everything else passes

    package func append(_ request: AppendRequest) async throws(BusError) -> AppendResult {
        try await inner.append(request)
    }

    package func read(_ request: ReadRequest) async throws(BusError) -> ReadResult { try await inner.read(request) }

    package func appendAudit(_ link: AuditAppend) async throws(BusError) -> CommitResult {
        try await inner.appendAudit(link)
    }

    package func acknowledgeRelay(_ advance: Transaction.Advance) async throws(BusError) -> CommitResult {
        try await inner.acknowledgeRelay(advance)
    }

    package func setAside(_ request: DeadLetterRequest) async throws(BusError) -> CommitResult {
        try await inner.setAside(request)
    }

    package func trim(_ request: TrimRequest) async throws(BusError) -> TrimResult { try await inner.trim(request) }

    package func popTimers(_ request: TimerRequest) async throws(BusError) -> [EntryID]? {
        try await inner.popTimers(request)
    }

    package func takeLease(_ key: String, owner: String, expected: LeaseRecord?) async throws(BusError) -> LeaseTaken {
        try await inner.takeLease(key, owner: owner, expected: expected)
    }

    package func beatLease(_ proof: LeaseProof) async throws(BusError) -> Bool { try await inner.beatLease(proof) }
    package func releaseLease(_ proof: LeaseProof) async throws(BusError) { try await inner.releaseLease(proof) }
    package func lease(_ key: String) async throws(BusError) -> LeaseRecord? { try await inner.lease(key) }
    package func fields(_ key: String) async throws(BusError) -> [String: [UInt8]] { try await inner.fields(key) }

    package func entries(_ stream: String, after: EntryID, limit: Int) async throws(BusError) -> [StreamEntry] {
        try await inner.entries(stream, after: after, limit: limit)
    }

    package func newestEntries(_ stream: String, limit: Int) async throws(BusError) -> [StreamEntry] {
        try await inner.newestEntries(stream, limit: limit)
    }

    package func ranked(_ key: String, minimum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        try await inner.ranked(key, minimum: minimum, limit: limit)
    }

    package func lowest(_ key: String, maximum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        try await inner.lowest(key, maximum: maximum, limit: limit)
    }

    package func length(_ stream: String) async throws(BusError) -> Int { try await inner.length(stream) }

    package func awaitEntries(
        _ positions: [String: EntryID], timeout: Duration
    ) async throws(BusError) -> [String: EntryID] { try await inner.awaitEntries(positions, timeout: timeout) }
}
