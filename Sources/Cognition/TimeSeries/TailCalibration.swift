#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The probability that a stream of magnitudes exceeds a value, learned from the stream itself.
///
/// The quantile 0.95 is tracked by stochastic approximation (Robbins and Monro 1951) in logarithms, and beyond it the
/// tail is a Pareto tail with Hill's estimator (Hill 1975). Single magnitudes count for little, so that anomalies do
/// not stretch the tail. State: 3 words.
struct TailCalibration: Sendable, Equatable, Codable {
    private static let exceeding = 0.05
    /// Effective number of exceeding magnitudes.
    private static let window = 500.0
    /// Logarithm that a single exceeding magnitude counts as at most.
    private static let bound = 1.5
    /// Tails are never taken to be lighter than this.
    private static let lightest = 0.1

    /// Natural logarithm of the quantile.
    private var quantile = 0.5
    /// Mean logarithm by which exceeding magnitudes exceed the quantile; of a normal distribution 0.16.
    private var excess = 0.2
    private var count = 0.0

    /// Natural logarithm of the probability of a magnitude, at most 0.
    func logarithm(_ magnitude: Double) -> Double {
        guard magnitude > 0 else { return 0 }
        let over = log(magnitude) - quantile
        // Below the quantile the exact value does not matter.
        guard over > 0 else { return min(0, log(Self.exceeding) - over * 2) }
        return log(Self.exceeding) - over / max(Self.lightest, excess)
    }

    mutating func update(_ magnitude: Double) {
        guard magnitude > 0 else { return }
        count = min(count + 1, 1e9)
        let over = log(magnitude) - quantile
        let pace = max(0.02, 1 / (count + 1))
        quantile += over > 0 ? pace * (1 - Self.exceeding) : -pace * Self.exceeding
        guard over > 0 else { return }
        excess += (min(over, Self.bound) - excess) / min(20 + count * Self.exceeding, Self.window)
    }
}
