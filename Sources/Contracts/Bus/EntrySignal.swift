import Synchronization

/// Wakes readers when their streams get entries, with as few waiting commands as the store allows.
///
/// A signal is a hint: a reader asks the store anyway when its patience ends.
final class EntrySignal: Sendable {
    private struct State {
        var positions: [String: EntryID]
        var pending: Set<String> = []
        var waiters: [UInt64: (streams: [String], continuation: CheckedContinuation<Void, Never>)] = [:]
        var nextID: UInt64 = 0
    }

    private let store: any BusStore
    private let state: Mutex<State>

    init(store: any BusStore, streams: [String]) {
        self.store = store
        self.state = Mutex(State(positions: Dictionary(uniqueKeysWithValues: streams.map { ($0, .zero) })))
    }

    /// Watches until the task is cancelled.
    func run() async {
        await seekToEnds()
        await withDiscardingTaskGroup { group in
            for streams in store.watchGroups(state.withLock { $0.positions.keys.sorted() }) {
                group.addTask { await self.watch(streams) }
            }
        }
    }

    private func watch(_ streams: [String]) async {
        while !Task.isCancelled {
            do {
                let positions = state.withLock { state in state.positions.filter { streams.contains($0.key) } }
                signal(try await store.awaitEntries(positions, timeout: .seconds(1)))
            } catch {
                try? await ContinuousClock().sleep(for: .milliseconds(500))
            }
        }
    }

    /// Entries that exist already are found by the readers' first look.
    private func seekToEnds() async {
        for stream in state.withLock({ Array($0.positions.keys) }) {
            guard let newest = try? await store.newestEntries(stream, limit: 1).first else { continue }
            state.withLock { $0.positions[stream] = newest.id }
        }
    }

    private func signal(_ found: [String: EntryID]) {
        guard !found.isEmpty else { return }
        let woken = state.withLock { state in
            state.positions.merge(found) { max($0, $1) }
            state.pending.formUnion(found.keys)
            var woken: [CheckedContinuation<Void, Never>] = []
            for (id, waiter) in state.waiters where waiter.streams.contains(where: state.pending.contains) {
                state.pending.subtract(waiter.streams)
                state.waiters[id] = nil
                woken.append(waiter.continuation)
            }
            return woken
        }
        for continuation in woken { continuation.resume() }
    }

    /// Returns when one of the streams got an entry since the last wait, or `patience` ends, or on cancellation.
    func wait(for streams: [String], atMost patience: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.next(streams) }
            group.addTask { try? await ContinuousClock().sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
    }

    private func next(_ streams: [String]) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let immediate = state.withLock { state in
                    if streams.contains(where: state.pending.contains) {
                        state.pending.subtract(streams)
                        return true
                    }
                    if Task.isCancelled { return true }
                    state.waiters[id] = (streams, continuation)
                    return false
                }
                if immediate { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }
}
