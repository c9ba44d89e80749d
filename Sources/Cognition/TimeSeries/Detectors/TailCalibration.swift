#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The probability that a stream of magnitudes exceeds a value, learned from the stream itself.
///
/// The quantile 0.95 is tracked by stochastic approximation (Robbins and Monro 1951) in logarithms, and beyond it the
/// tail is a Pareto tail with Hill's estimator (Hill 1975), taken at two of its standard errors: few magnitudes do not
/// prove a light tail. A magnitude counts at most as one that is expected once in ten days, so that anomalies do not
/// stretch the tail. State: 3 words.
struct TailCalibration: Calibration {
    private static let exceeding = 0.05
    private static let logExceeding = -2.995732273553991
    /// Effective number of exceeding magnitudes, at least and at most.
    private static let few = 20.0
    private static let window = 3_000.0
    /// Standard errors of the estimate that are allowed for.
    private static let caution = 2.0
    /// Logarithm that a single exceeding magnitude counts as at most.
    private static let bound = 1.5
    /// Tails are never taken to be lighter than this.
    private static let lightest = 0.1

    /// Natural logarithm of the quantile.
    private var quantile = 0.5
    /// Mean logarithm by which exceeding magnitudes exceed the quantile; of a normal distribution 0.16.
    private var excess = 0.2
    private var count = 0.0

    private var effective: Double { min(Self.few + count * Self.exceeding, Self.window) }

    /// Natural logarithm of the probability of a magnitude, at most 0.
    func logarithm(_ magnitude: Double) -> Double { magnitude > 0 ? logarithm(over: log(magnitude) - quantile) : 0 }

    private func logarithm(over: Double) -> Double {
        // Below the quantile the exact value does not matter.
        guard over > 0 else { return min(0, Self.logExceeding - over * 2) }
        let cautious = excess * (1 + Self.caution / effective.squareRoot())
        return Self.logExceeding - over / max(Self.lightest, cautious)
    }

    /// Takes in a magnitude and gives the natural logarithm of its probability as it was before.
    ///
    /// - Parameter logPerDay: natural logarithm of the samples a day.
    mutating func update(_ magnitude: Double, logPerDay: Double) -> Double {
        guard magnitude > 0 else { return 0 }
        let over = log(magnitude) - quantile
        let result = logarithm(over: over)
        count = min(count + 1, 1e9)
        let pace = max(0.02, 1 / (count + 1))
        quantile += over > 0 ? pace * (1 - Self.exceeding) : -pace * Self.exceeding
        guard over > 0 else { return result }
        let rare = (2.302585 + logPerDay + Self.logExceeding) * max(Self.lightest, excess)
        excess += (min(over, max(0.05, min(rare, Self.bound))) - excess) / effective
        return result
    }
}
