import Bus
import TestSupport

/// One operation on a store, with small value ranges, so that conflicts, repetitions and fences happen often.
///
/// Entry ids differ between stores, so an operation names entries by where they stand, and answers leave ids out.
enum StoreOperation: Sendable {
    case append(AppendRequest)
    case transaction(Transaction)
    case advance(lease: LeaseProof, state: String, stream: String, by: Int, isRight: Bool, operation: String?)
    case snapshot(lease: LeaseProof, state: String, stream: String)
    case setAside(lease: LeaseProof, state: String, stream: String, deadLetters: String, skip: Int)
    case trim(stream: String, states: [(key: String, replays: Bool)], keep: Int, limit: Int, sheds: Bool)
    case drop(stream: String, place: Int)
    case relay(state: String, stream: String)
    case popTimers(lease: LeaseProof, timers: String, stream: String, now: Int64, limit: Int)
    case audit(AuditAppend)
    case approve(ApproveRequest)
    case take(String, String, LeaseRecord?)
    case beat(LeaseProof)
    case release(LeaseProof)
    case read(ReadRequest)

    /// Names of everything that the operations of a sequence touch.
    struct Names: Sendable {
        let prefix: String

        /// Hashes with the state of two roles.
        var states: [String] { ["\(prefix)state:r0", "\(prefix)state:r1"] }
        var streams: [String] { ["\(prefix)s0", "\(prefix)s1", "\(prefix)s2"] }
        var sets: [String] { ["\(prefix)z0", "\(prefix)z1"] }
        var leases: [String] { ["\(prefix)lease0", "\(prefix)lease1"] }
        var hashes: [String] {
            ["\(prefix)k0", "\(prefix)k1", plan, head, "\(prefix)marks", "\(prefix)counters"] + states
        }
        var plan: String { "\(prefix)plan" }
        var head: String { "\(prefix)head" }
        var gaps: String { "\(prefix)gaps" }
    }

    /// The answer without the ids that each store makes for itself.
    func answer(of store: some BusStore) async throws -> String {
        func without(_ result: CommitResult) -> String {
            if case .committed(let ids) = result { return "committed \(ids.count)" }
            return "\(result)"
        }
        switch self {
        case .append(let request):
            let result = try await store.append(request)
            if case .appended(let ids, let pressed) = result { return "appended \(ids.count) \(pressed)" }
            return "\(result)"
        case .transaction(let transaction): return without(try await store.commit(transaction))
        case .advance(let lease, let state, let stream, let count, let isRight, let operation):
            let position = try await Self.position(store, state, stream)
            guard let last = try await store.entries(stream, after: position, limit: count).last else { return "end" }
            let advance = Transaction.Advance(
                stateKey: state, stream: stream, group: Self.role(state), from: isRight ? position : last.id,
                to: last.id, entries: count)
            return without(
                try await store.commit(
                    Transaction(
                        lease: lease, operation: operation.map { .init(key: lease.key, id: $0) }, advances: [advance])))
        case .snapshot(let lease, let state, let stream):
            let position = try await Self.position(store, state, stream)
            let change = Transaction.Change.set(key: state, fields: [Field("snapshot:\(stream)", "\(position)")])
            return without(try await store.commit(Transaction(lease: lease, changes: [change])))
        case .setAside(let lease, let state, let stream, let deadLetters, let skip):
            let position = try await Self.position(store, state, stream)
            let following = try await store.entries(stream, after: position, limit: skip + 1)
            let first = try await store.entries(stream, after: .zero, limit: 1).first
            guard let entry = following.count > skip ? following[skip] : first else { return "empty" }
            return without(
                try await store.setAside(
                    DeadLetterRequest(
                        lease: lease, stateKey: state, stream: stream, group: Self.role(state), entry: entry.id,
                        deadLetters: deadLetters, notes: [Field("reason", "test")])))
        case .trim(let stream, let states, let keep, let limit, let sheds):
            let newest = try await store.newestEntries(stream, limit: keep)
            let floor = newest.count == keep ? newest.last?.id ?? .zero : .zero
            let result = try await store.trim(
                TrimRequest(
                    stream: stream, gaps: Names(prefix: Self.prefix(stream)).gaps,
                    readers: states.map { .init(stateKey: $0.key, replays: $0.replays) }, floor: floor, limit: limit,
                    sheds: sheds))
            return "\(result)"
        case .drop(let stream, let place):
            let entries = try await store.entries(stream, after: .zero, limit: place + 1)
            guard entries.count > place else { return "none" }
            return without(
                try await store.transition(Transaction(changes: [.drop(stream: stream, entry: entries[place].id)])))
        case .relay(let state, let stream):
            let position = try await Self.position(store, state, stream)
            guard let next = try await store.entries(stream, after: position, limit: 1).first else { return "end" }
            let advance = Transaction.Advance(
                stateKey: state, stream: stream, group: Self.role(state), from: position, to: next.id)
            return without(try await store.acknowledgeRelay(advance))
                + without(try await store.acknowledgeRelay(advance))
        case .popTimers(let lease, let timers, let stream, let now, let limit):
            let ids = try await store.popTimers(
                TimerRequest(lease: lease, timers: timers, stream: stream, now: now, limit: limit))
            return ids.map { "popped \($0.count)" } ?? "fenced"
        case .audit(let link): return without(try await store.appendAudit(link))
        case .approve(let request): return "\(try await store.approve(request))"
        case .take(let key, let owner, let expected):
            return "\(try await store.takeLease(key, owner: owner, expected: expected))"
        case .beat(let proof): return "\(try await store.beatLease(proof))"
        case .release(let proof):
            try await store.releaseLease(proof)
            return "\(String(describing: try await store.lease(proof.key)))"
        case .read(let request):
            guard case .entries(let entries, let position, let attempts) = try await store.read(request) else {
                return "fenced"
            }
            return "\(entries.map(\.fields)) \(position == .zero) \(attempts)"
        }
    }

    private static func position(
        _ store: some BusStore, _ state: String, _ stream: String
    ) async throws -> EntryID {
        try await store.fields(state)["position:\(stream)"]
            .flatMap { EntryID(String(decoding: $0, as: UTF8.self)) } ?? .zero
    }

    private static func role(_ state: String) -> String {
        state.firstRange(of: ":state:").map { String(state[$0.upperBound...]) } ?? state
    }

    private static func prefix(_ key: String) -> String {
        key.lastIndex(of: ":").map { String(key[...$0]) } ?? ""
    }
}
