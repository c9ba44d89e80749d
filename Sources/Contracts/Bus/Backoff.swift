/// Exponential back-off with full jitter.
///
/// Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("Full Jitter").
package struct Backoff: Sendable, Equatable {
    /// Longest first delay.
    package var initial: Duration
    /// Longest delay of all.
    package var maximum: Duration
    /// Failures in a row so far.
    package private(set) var failures = 0

    package init(initial: Duration = .milliseconds(200), maximum: Duration = .seconds(30)) {
        self.initial = initial
        self.maximum = maximum
    }

    /// The delay before the next attempt; `random` is uniform in [0,1).
    ///
    /// Never below a tenth of the ceiling.
    package mutating func next(random: Double) -> Duration {
        let ceiling = failures >= 20 ? maximum : min(maximum, initial * (1 << failures))
        failures += 1
        return ceiling * max(0.1, min(1, random))
    }

    /// An attempt succeeded.
    package mutating func reset() { failures = 0 }
}
