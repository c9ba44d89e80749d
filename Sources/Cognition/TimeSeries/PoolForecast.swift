/// The distribution of the time at which a pool of models reaches a target from below.
struct PoolForecast {
    /// Steps of the picture.
    private static let pictureSteps = 24
    private let pool: ForecastPool
    private let horizon: Double
    /// Times of passage in seconds with their weights, ascending; those beyond the horizon are left out.
    private let passages: [(seconds: Double, weight: Double)]

    init(_ pool: ForecastPool, target: Double, horizon: Double) {
        self.pool = pool
        self.horizon = horizon
        passages = ErrorPaths(pool, horizon: horizon).passages(target).sorted { $0.seconds < $1.seconds }
    }

    /// Probability of a passage within the horizon, in [0,1].
    var probability: Double { min(1, passages.reduce(0) { $0 + $1.weight }) }

    /// Seconds within which the target is passed with a probability, given that it is passed within the horizon.
    func time(probability: Double) -> Double? {
        let wanted = probability * self.probability
        var sum = 0.0
        for passage in passages {
            sum += passage.weight
            if sum >= wanted { return max(0, passage.seconds) }
        }
        return passages.last?.seconds
    }

    /// The path for a picture, in the unit of the series.
    func picture(from timestamp: Int64, sign: Double) -> [QuantilePoint] {
        (1...Self.pictureSteps).map { step in
            let seconds = horizon * Double(step) / Double(Self.pictureSteps)
            let mixture = PoolMixture(pool, after: seconds, sign: sign)
            return QuantilePoint(
                timestamp: timestamp &+ Int64(seconds * 1_000), p10: mixture.quantile(0.1) ?? 0,
                p50: mixture.quantile(0.5) ?? 0, p90: mixture.quantile(0.9) ?? 0)
        }
    }
}
