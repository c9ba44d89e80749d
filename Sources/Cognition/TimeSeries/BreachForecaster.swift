/// When a series will reach its limit.
///
/// With a history of at least half the horizon, a `ForecastPool` of local models weighted by back-tests is continued.
/// With less, the robust trend of the points is extrapolated: a season that the baseline knows is taken out before and
/// put back for the crossing, and the longest of the last 100, 50 and 25 % of the points on which a line fits is used.
///
/// In both cases a rise is only continued when it is significant; without one the pool still sees breaches that recur,
/// unless ``BreachForecastConfiguration/claimsRecurring`` is off. The time of breach is a first-passage time. The pool's
/// is that of its paths with the errors of past forecasts (`ErrorPaths`), and its quantiles hold for the case that the
/// breach comes within the horizon, which is claimed from ``BreachForecastConfiguration/claimProbability`` on; those of
/// the line are the times at which the quantiles of the line reach the limit.
package struct BreachForecaster: Sendable {
    /// Points before the newest ones of this number are not looked at: a week at five minutes.
    package static let maximumPoints = UniformSeries.maximumPoints
    /// Quantile 0.9 of the standard normal distribution.
    private static let ninetieth = 1.2816

    /// When the limit will be reached; `nil` with too few points.
    ///
    /// - Parameters:
    ///   - recent: newest points of the series; order does not matter, unusable ones are skipped.
    ///   - limit: in the unit of the series; one that is not finite gives `nil`.
    ///   - limitIsUpper: whether values from the limit upwards are a breach, or from the limit downwards.
    ///   - baseline: what is normal, for the season.
    ///   - configuration: horizon, significance, least number of points.
    package static func forecast(
        recent: [Sample], limit: Double, limitIsUpper: Bool = true, baseline: Baseline? = nil,
        configuration: BreachForecastConfiguration = .init()
    ) -> BreachForecast? {
        let usable = Array(BaselineFit.cleaned(recent).suffix(maximumPoints))
        guard abs(limit) < 1e150, usable.count >= configuration.minimumPoints, let last = usable.last,
            let first = usable.first, last.timestamp > first.timestamp
        else { return nil }
        let sign: Double = limitIsUpper ? 1 : -1
        let span = (Double(last.timestamp) - Double(first.timestamp)) / 1_000
        if usable.count >= 36, span >= configuration.horizonSeconds / 2,
            let series = UniformSeries(usable.map { Sample(timestamp: $0.timestamp, value: sign * $0.value) })
        {
            return pooled(series, sign, limit, baseline, configuration)
        }
        return extrapolated(Array(usable.suffix(RobustTrend.maximumPoints)), sign, limit, baseline, configuration)
    }

    /// The forecast of the pool.
    private static func pooled(
        _ series: UniformSeries, _ sign: Double, _ limit: Double, _ baseline: Baseline?,
        _ configuration: BreachForecastConfiguration
    ) -> BreachForecast {
        let isSeasonal = baseline.map { $0.season != .none } ?? false
        let season = isSeasonal ? baseline.map { baseline in { sign * baseline.seasonal(at: $0) } } : nil
        let trend = recentTrend(series, season, configuration)
        let significant = trend.isSignificant(configuration.significance)
        let pool = ForecastPool(
            series, horizon: configuration.horizonSeconds, allowsTrends: significant, season: season)
        let passage = PoolForecast(pool, target: sign * limit, horizon: configuration.horizonSeconds)
        var forecast = BreachForecast(
            slopePerHour: sign * trend.slope * 3_600, limit: limit, significant: significant,
            path: passage.picture(from: series.end, sign: sign))
        if series.mean(at: series.count - 1, length: 3) >= sign * limit {
            forecast.claimNow()
        } else if significant || configuration.claimsRecurring {
            forecast.probability = passage.probability
            guard forecast.probability >= configuration.claimProbability else { return forecast }
            forecast.p10 = passage.time(probability: 0.1)
            forecast.p50 = passage.time(probability: 0.5)
            forecast.p90 = passage.time(probability: 0.9)
        }
        return forecast
    }

    /// The most significant trend of the last sixth, third, two thirds and whole of the horizon, without the season.
    private static func recentTrend(
        _ series: UniformSeries, _ season: ((Int64) -> Double)?, _ configuration: BreachForecastConfiguration
    ) -> RobustTrend {
        let trends = [6.0, 3, 1.5, 0.5].map { part in
            let wanted = Int(configuration.horizonSeconds / part / series.step)
            let count = min(series.count, max(configuration.minimumPoints, wanted))
            let stride = max(1, count / 72)
            let places = (0..<count).filter { (count - 1 - $0) % stride == 0 }.map { series.count - count + $0 }
            return RobustTrend(
                places.map { place in
                    RobustTrend.Point(
                        seconds: Double(place - series.count + 1) * series.step,
                        value: series.values[place] - (season?(series.time(place)) ?? 0))
                })
        }
        return trends.max { abs($0.z) < abs($1.z) } ?? trends[0]
    }

    /// The forecast of a robust line.
    private static func extrapolated(
        _ usable: [Sample], _ sign: Double, _ limit: Double, _ baseline: Baseline?,
        _ configuration: BreachForecastConfiguration
    ) -> BreachForecast {
        let end = usable.last?.timestamp ?? 0
        let points = usable.map { sample in
            RobustTrend.Point(
                seconds: (Double(sample.timestamp) - Double(end)) / 1_000,
                value: sign * (sample.value - (baseline?.seasonal(at: sample.timestamp) ?? 0)))
        }
        let trend = choose(points, configuration)
        let significant = trend.isSignificant(configuration.significance)
        let path = BreachPath(
            trend: trend, target: sign * limit, horizon: configuration.horizonSeconds,
            isClaiming: significant && trend.slope > 0,
            seasonal: { seconds in sign * (baseline?.seasonal(at: end &+ Int64(seconds * 1_000)) ?? 0) })
        var forecast = BreachForecast(
            slopePerHour: sign * trend.slope * 3_600, limit: limit, significant: significant,
            path: path.picture(from: end, sign: sign))
        if trend.level + path.seasonal(0) >= sign * limit {
            forecast.claimNow()
        } else if path.isClaiming {
            forecast.p10 = path.time(quantile: ninetieth)
            forecast.p50 = path.time(quantile: 0)
            forecast.p90 = path.time(quantile: -ninetieth)
            forecast.probability = path.probability
        }
        return forecast
    }

    /// The trend of the longest suffix on which a line fits about as well as on the best one.
    private static func choose(
        _ points: [RobustTrend.Point], _ configuration: BreachForecastConfiguration
    ) -> RobustTrend {
        let lengths = [points.count, points.count / 2, points.count / 4].filter { $0 >= configuration.minimumPoints }
        let trends = lengths.map { RobustTrend(Array(points.suffix($0))) }
        // The noise of few points is itself uncertain: two of its standard errors are allowed for.
        let bounds = zip(lengths, trends).map { (1.3 + 1.6 / Double($0).squareRoot()) * $1.noise + 1e-12 }
        let quietest = bounds.min() ?? 0
        return trends.first { $0.noise <= quietest } ?? RobustTrend(points)
    }
}
