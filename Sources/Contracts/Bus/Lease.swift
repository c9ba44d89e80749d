/// What stands in the store about a lease.
package struct LeaseRecord: Sendable, Equatable {
    /// Unique id of the holder's incarnation; empty when it was released.
    package var owner: String
    /// Grows by one with every change of hands.
    package var token: Int64
    /// Grows with every renewal; a record whose beat stands still belongs to somebody who is gone.
    package var beat: Int64

    package init(owner: String, token: Int64, beat: Int64) {
        self.owner = owner
        self.token = token
        self.beat = beat
    }
}

/// Proof that the bearer holds a lease; compared inside every function of the store.
package struct LeaseProof: Sendable, Hashable {
    /// Key of the lease.
    package var key: String
    /// Incarnation that holds it.
    package var owner: String
    /// Fencing token.
    package var token: Int64

    package init(key: String, owner: String, token: Int64) {
        self.key = key
        self.owner = owner
        self.token = token
    }
}

/// Answer to an attempt to take a lease.
package enum LeaseTaken: Sendable, Equatable {
    /// It is ours.
    case taken(LeaseRecord)
    /// It changed since it was observed.
    case refused(LeaseRecord)
}

/// How long a lease lives and how often it is renewed.
package struct LeaseTiming: Sendable, Equatable {
    /// A record whose beat has not moved for so long may be taken over.
    package var lease: Duration
    /// The holder stops working when its last renewal was sent so long ago.
    package var renewDeadline: Duration
    /// Between two renewals, and between two looks at somebody else's lease.
    package var retry: Duration

    /// For partitions: 6, 4 and 1 seconds.
    package static let partition = LeaseTiming(lease: .seconds(6), renewDeadline: .seconds(4), retry: .seconds(1))
    /// For leaders, as Kubernetes' client-go: 15, 10 and 2 seconds.
    package static let leader = LeaseTiming(lease: .seconds(15), renewDeadline: .seconds(10), retry: .seconds(2))

    package init(lease: Duration, renewDeadline: Duration, retry: Duration) {
        self.lease = lease
        self.renewDeadline = renewDeadline
        self.retry = retry
    }

    /// What is wrong with the values, `nil` when they are safe: lease ≥ 1.5 × deadline ≥ 1.5 × 3 × retry.
    package var problem: String? {
        if retry <= .zero { return "lease retry must be positive" }
        if renewDeadline < retry * 3 {
            return "lease renew deadline \(renewDeadline) must be at least 3 × retry \(retry)"
        }
        if lease * 2 < renewDeadline * 3 {
            return "lease \(lease) must be at least 1.5 × renew deadline \(renewDeadline)"
        }
        return nil
    }
}
