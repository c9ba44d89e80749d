/// What a series is expected to do until the horizon, and when it passes the target from below.
struct BreachPath {
    private static let steps = 240
    /// Steps of the picture.
    private static let pictureSteps = 24

    let trend: RobustTrend
    let target: Double
    let horizon: Double
    /// Whether the trend is extrapolated; otherwise the level stays.
    let isClaiming: Bool
    /// Season at seconds from now.
    let seasonal: (Double) -> Double

    /// Expected value after so many seconds.
    private func expected(_ seconds: Double) -> Double {
        trend.level + (isClaiming ? trend.slope * seconds : 0) + seasonal(seconds)
    }

    /// Standard deviation after so many seconds: error of the slope, and noise.
    private func deviation(_ seconds: Double) -> Double {
        let drift = trend.slopeError * (seconds + trend.span / 2)
        return (drift * drift + trend.noise * trend.noise).squareRoot()
    }

    /// Seconds until the path, shifted by so many standard deviations, reaches the target; `nil` beyond the horizon.
    func time(quantile: Double) -> Double? {
        var before = 0.0
        for step in 0...Self.steps {
            let seconds = horizon * Double(step) / Double(Self.steps)
            let gap = expected(seconds) + quantile * deviation(seconds) - target
            if gap >= 0 {
                guard step > 0, gap > before else { return seconds }
                return seconds - horizon / Double(Self.steps) * gap / (gap - before)
            }
            before = gap
        }
        return nil
    }

    /// Probability that the target is reached within the horizon, in [0,1].
    var probability: Double {
        (0...Self.steps).map { step in
            let seconds = horizon * Double(step) / Double(Self.steps)
            let gap = expected(seconds) - target
            let deviation = deviation(seconds)
            return deviation > 0 ? Statistics.normalCDF(gap / deviation) : gap >= 0 ? 1 : 0
        }.max() ?? 0
    }

    /// The path for a picture, in the unit of the series.
    func picture(from timestamp: Int64, sign: Double) -> [QuantilePoint] {
        (1...Self.pictureSteps).map { step in
            let seconds = horizon * Double(step) / Double(Self.pictureSteps)
            let middle = sign * expected(seconds)
            let reach = 1.2816 * deviation(seconds)
            return QuantilePoint(
                timestamp: timestamp &+ Int64(seconds * 1_000), p10: middle - reach, p50: middle, p90: middle + reach)
        }
    }
}
