/// Which replicas of a role live, and how many of the shared things each should hold; pure.
///
/// A replica lives as long as its beat has moved within the lease, on our own monotonic clock. The things are divided
/// evenly; the first replicas in the order of their names get one more where it does not come out even.
package struct ReplicaRoster: Sendable {
    private struct Seen: Sendable {
        var beat: Int64
        var since: Duration
    }

    private let name: String
    private let total: Int
    private let lease: Duration
    private var seen: [String: Seen] = [:]

    /// A roster of the replica `name` that shares `total` things with others whose beats move at least once a `lease`.
    package init(name: String, total: Int, lease: Duration) {
        self.name = name
        self.total = total
        self.lease = lease
    }

    /// Takes in the beats of all replicas.
    package mutating func observe(_ beats: [String: Int64], now: Duration) {
        seen = beats.reduce(into: [:]) { next, item in
            let known = seen[item.key]
            next[item.key] = known?.beat == item.value ? known : Seen(beat: item.value, since: now)
        }
    }

    /// Replicas that live, in the order of their names; this one always does.
    package func living(now: Duration) -> [String] {
        var names = Set(seen.filter { now - $0.value.since < lease }.keys)
        names.insert(name)
        return names.sorted()
    }

    /// Replicas that have been silent for ten leases.
    package func gone(now: Duration) -> [String] {
        seen.filter { $0.key != name && now - $0.value.since >= lease * 10 }.keys.sorted()
    }

    /// How many things this replica should hold.
    package func quota(now: Duration) -> Int {
        let names = living(now: now)
        let rank = names.firstIndex(of: name) ?? 0
        return total / names.count + (rank < total % names.count ? 1 : 0)
    }
}
