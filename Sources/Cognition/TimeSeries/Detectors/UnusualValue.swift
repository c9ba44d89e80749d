/// How far a measure of unusualness is above its own running mean, in the running spread of what is above it.
///
/// For detectors whose measure has no distribution that is known beforehand, and is skewed. Warms up for 64 values.
/// State: 5 words.
struct UnusualValue: Sendable, Equatable, Codable {
    private var typical = 0.0
    private var count = 0.0
    private var spread = RunningScale(window: 1_000)

    /// The score of the next value, in [0,1].
    ///
    /// - Parameter step: what a single value moves the mean by at most, before it is divided by their number.
    mutating func score(_ value: Double, step: Double = .infinity) -> Double {
        guard value.isFinite else { return 0 }
        count = min(count + 1, 1e9)
        if count == 1 { typical = value }
        let residual = value - typical
        let deviation = spread.deviation(residual)
        let bound = min(step, count > 64 && spread.value > 0 ? 3 * spread.value : .infinity)
        typical += max(-bound, min(bound, residual)) / min(count, 1_000)
        if residual > 0 { spread.update(residual) }
        return count > 64 ? Statistics.score(deviation: max(0, deviation)) : 0
    }
}
