import Synchronization

/// A token bucket: so many requests per second, with some in reserve.
///
/// Source: Turner, "New Directions in Communications", 1986 (leaky bucket as a meter).
final class RateLimiter: Sendable {
    private let interval: Duration
    private let reserve: Duration
    /// When the bucket would be full again.
    private let full: Mutex<ContinuousClock.Instant>

    /// - Parameters:
    ///   - perSecond: requests per second in the long run, above 0.
    ///   - burst: requests that may come at once.
    init(perSecond: Double, burst: Int) {
        interval = .seconds(1 / max(perSecond, 0.001))
        reserve = interval * max(0, burst - 1)
        full = Mutex(.now)
    }

    /// Returns when the next request may be sent.
    func pass() async throws {
        let start = full.withLock { full in
            let now = ContinuousClock.now
            let turn = max(full, now)
            full = turn + interval
            return turn - reserve
        }
        if start > .now { try await ContinuousClock().sleep(until: start) }
    }
}
