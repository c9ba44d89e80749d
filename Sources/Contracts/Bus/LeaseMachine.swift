/// One contender for one lease: pure, the caller passes time in and performs the returned action.
///
/// A lease is taken only after its beat has been seen standing still for the whole lease on our own monotonic clock
/// (client-go's observed-change rule), so no clock is ever compared with another one. The holder counts from the
/// moment before its last successful renewal was sent, and an incarnation that lost its lease never resumes.
package struct LeaseMachine: Sendable {
    /// What the caller has to do next.
    package enum Action: Sendable, Equatable {
        /// Read the record.
        case observe
        /// Take the lease if the record is still this one.
        case take(expected: LeaseRecord?)
        /// Renew.
        case renew(token: Int64)
        /// Nothing before this time.
        case wait(until: Duration)
        /// Stop working: the lease can no longer be relied on.
        case stop
    }

    private struct Watch: Sendable, Equatable {
        var record: LeaseRecord?
        /// `nil` as long as nothing was seen.
        var unchangedSince: Duration?
        var nextLook: Duration
        /// The caller declined to take the lease before this time.
        var declinedUntil: Duration?
    }

    private enum State: Sendable, Equatable {
        /// Looks at the record; may go to `held` or stay.
        case watching(Watch)
        /// Is ours until `until`; goes to `lost`.
        case held(token: Int64, until: Duration, nextRenewal: Duration)
        /// Was ours; terminal.
        case lost
    }

    private let timing: LeaseTiming
    private var state: State

    /// A contender that has seen nothing yet.
    ///
    /// Times are durations since any fixed origin of a monotonic clock.
    package init(timing: LeaseTiming, now: Duration) {
        self.timing = timing
        self.state = .watching(Watch(nextLook: now))
    }

    /// Token while the lease is ours.
    package var token: Int64? {
        if case .held(let token, _, _) = state { return token }
        return nil
    }

    /// What to do at `now`.
    package mutating func next(now: Duration) -> Action {
        switch state {
        case .watching(let watch):
            let free = watch.unchangedSince.map { since in
                watch.record.map { $0.owner.isEmpty ? since : since + timing.lease } ?? since
            }
            if let free, now >= max(free, watch.declinedUntil ?? free) { return .take(expected: watch.record) }
            guard now < watch.nextLook else { return .observe }
            guard let free else { return .wait(until: watch.nextLook) }
            return .wait(until: min(watch.nextLook, max(free, watch.declinedUntil ?? free)))
        case .held(let token, let until, let nextRenewal):
            if now >= until {
                state = .lost
                return .stop
            }
            return now >= nextRenewal ? .renew(token: token) : .wait(until: min(until, nextRenewal))
        case .lost: return .stop
        }
    }

    /// The record was read.
    package mutating func observed(_ record: LeaseRecord?, now: Duration) {
        guard case .watching(var watch) = state else { return }
        if watch.unchangedSince == nil || watch.record != record { watch.unchangedSince = now }
        watch.record = record
        watch.nextLook = now + timing.retry
        state = .watching(watch)
    }

    /// The attempt to take the lease, sent at `sentAt`, was answered.
    package mutating func answered(_ answer: LeaseTaken, sentAt: Duration, now: Duration) {
        guard case .watching = state else { return }
        switch answer {
        case .taken(let record):
            state = .held(
                token: record.token, until: sentAt + timing.renewDeadline, nextRenewal: sentAt + timing.retry)
        case .refused(let record):
            state = .watching(Watch(record: record, unchangedSince: now, nextLook: now + timing.retry))
        }
    }

    /// The renewal sent at `sentAt` succeeded.
    package mutating func renewed(sentAt: Duration) {
        guard case .held(let token, let until, _) = state else { return }
        state = .held(
            token: token, until: max(until, sentAt + timing.renewDeadline), nextRenewal: sentAt + timing.retry)
    }

    /// The caller does not want the lease for now; it is asked again after the retry interval, and watches meanwhile.
    package mutating func declined(now: Duration) {
        guard case .watching(var watch) = state else { return }
        watch.declinedUntil = now + timing.retry
        state = .watching(watch)
    }

    /// Nothing was learned: no answer came.
    ///
    /// Asked again after the retry interval.
    package mutating func unanswered(now: Duration) {
        switch state {
        case .watching(var watch):
            watch.nextLook = now + timing.retry
            state = .watching(watch)
        case .held(let token, let until, _):
            state = .held(token: token, until: until, nextRenewal: now + timing.retry / 4)
        case .lost: break
        }
    }

    /// The store said that somebody else holds the lease.
    package mutating func fenced() { state = .lost }
}
