import Synchronization

/// Keeps a replica's place in the roster of its role, and admits it to its share of the things that are shared.
package final class ReplicaShare: Sendable {
    private struct State {
        var quota = 0
        var held: Set<Int> = []
        var yielding: Set<Int> = []
    }

    private let store: any BusStore
    private let key: String
    private let name: String
    private let total: Int
    private let timing: LeaseTiming
    private let state = Mutex(State())
    private static let origin = ContinuousClock.now

    /// A place for the replica `name` in the roster at `key`, among those that share `total` things.
    package init(store: any BusStore, key: String, name: String, total: Int, timing: LeaseTiming) {
        self.store = store
        self.key = key
        self.name = name
        self.total = total
        self.timing = timing
    }

    /// Beats until the task is cancelled; then leaves the roster, so that the others take over at once.
    package func run() async {
        var roster = ReplicaRoster(name: name, total: total, lease: timing.lease)
        while !Task.isCancelled {
            do {
                try await beat(&roster)
            } catch {
                // Nothing was learned; the leases themselves say what is still ours.
            }
            try? await ContinuousClock().sleep(for: timing.retry)
        }
        let (store, key, name) = (store, key, name)
        // The task is cancelled by now; leaving must happen all the same.
        await Task { _ = try? await store.transition(Transaction(changes: [.unset(key: key, fields: [name])])) }.value
    }

    private func beat(_ roster: inout ReplicaRoster) async throws {
        _ = try await store.transition(Transaction(changes: [.increment(key: key, field: name, by: 1)]))
        let beats = try await store.fields(key).compactMapValues { Int64(String(decoding: $0, as: UTF8.self)) }
        let now = Self.origin.duration(to: .now)
        roster.observe(beats, now: now)
        for name in roster.gone(now: now) {
            let beat = beats[name].map { "\($0)" }
            _ = try await store.transition(
                Transaction(
                    checks: [.init(key: key, field: name, text: beat)], changes: [.unset(key: key, fields: [name])]))
        }
        let quota = roster.quota(now: now)
        state.withLock { state in
            state.quota = quota
            // What is already being handed over stays so; of the rest the last ones go.
            let surplus = state.held.count - quota
            let kept = state.held.subtracting(state.yielding).sorted()
            if surplus > state.yielding.count {
                state.yielding.formUnion(kept.suffix(surplus - state.yielding.count))
            } else if surplus <= 0 {
                state.yielding = []
            }
        }
    }

    /// Admission to one of the shared things.
    package func admission(to thing: Int) -> LeaseAdmission {
        LeaseAdmission(
            admits: {
                self.state.withLock { state in
                    guard state.held.count < state.quota else { return false }
                    state.held.insert(thing)
                    return true
                }
            },
            yields: { self.state.withLock { $0.yielding.contains(thing) } },
            ended: {
                self.state.withLock { state in
                    state.held.remove(thing)
                    state.yielding.remove(thing)
                }
            })
    }
}

/// Whether a keeper may take a lease now, and whether it should hand it over.
package struct LeaseAdmission: Sendable {
    /// Asked before a lease is taken; `true` counts the lease as held until ``ended`` is called.
    package var admits: @Sendable () -> Bool
    /// Whether the lease should be given to somebody else.
    package var yields: @Sendable () -> Bool
    /// The lease was not taken, or is no longer held.
    package var ended: @Sendable () -> Void

    package init(
        admits: @escaping @Sendable () -> Bool, yields: @escaping @Sendable () -> Bool,
        ended: @escaping @Sendable () -> Void
    ) {
        self.admits = admits
        self.yields = yields
        self.ended = ended
    }

    /// Admits always and never yields: a lease that is not shared.
    package static let always = LeaseAdmission(admits: { true }, yields: { false }, ended: {})
}
