/// When a limit will be reached.
package struct BreachForecast: Sendable, Equatable, Codable {
    /// Seconds until the limit at the 10th percentile, at most `p50`; `nil` when no breach is claimed.
    package var p10: Double?
    /// Seconds at the median, at most `p90`; likewise.
    package var p50: Double?
    /// Seconds at the 90th percentile; likewise, and `nil` beyond the horizon.
    package var p90: Double?
    /// Probability of a breach within the horizon, in [0,1].
    package var probability: Double
    /// Robust trend, units an hour.
    package var slopePerHour: Double
    /// The limit.
    package var limit: Double
    /// Whether the trend is significant; without it only a breach that recurs is claimed.
    package var significant: Bool
    /// The level is beyond the limit already; all quantiles are 0 then.
    package var alreadyBreached: Bool
    /// What the series is expected to do until the horizon, 24 steps.
    package var path: [QuantilePoint]

    /// All fields as given.
    package init(
        p10: Double? = nil, p50: Double? = nil, p90: Double? = nil, probability: Double = 0, slopePerHour: Double,
        limit: Double, significant: Bool, alreadyBreached: Bool = false, path: [QuantilePoint] = []
    ) {
        self.p10 = p10
        self.p50 = p50
        self.p90 = p90
        self.probability = probability
        self.slopePerHour = slopePerHour
        self.limit = limit
        self.significant = significant
        self.alreadyBreached = alreadyBreached
        self.path = path
    }

    /// The same as `alreadyBreached`, as the analyzer calls it.
    package var isBreached: Bool { alreadyBreached }

    /// Claims a breach that has happened.
    mutating func claimNow() {
        alreadyBreached = true
        p10 = 0
        p50 = 0
        p90 = 0
        probability = 1
    }
}
