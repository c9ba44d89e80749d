/// When to connect again: exponential back-off with jitter, pure.
struct ReconnectStateMachine: Sendable {
    private let initial: Duration
    private let maximum: Duration
    private(set) var failures = 0

    init(initial: Duration, maximum: Duration) {
        self.initial = initial
        self.maximum = maximum
    }

    /// A connection stands: the next loss is answered at once.
    mutating func connected() { failures = 0 }

    /// An attempt failed or a connection was lost; `random` is uniform in [0,1).
    ///
    /// - Returns: the delay before the next attempt, between half of the ceiling and the ceiling.
    mutating func lost(random: Double) -> Duration {
        let ceiling = failures >= 16 ? maximum : min(maximum, initial * (1 << failures))
        failures += 1
        return ceiling * (0.5 + max(0, min(1, random)) / 2)
    }
}
