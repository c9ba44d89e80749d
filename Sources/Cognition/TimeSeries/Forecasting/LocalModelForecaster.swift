/// The pool of local models behind the time to breach (`ForecastPool`), as a forecaster of values.
///
/// Its windows are hours, and points count as five minutes apart, as those of a `SeriesOutline` are. The longest season
/// that the history holds twice is taken out as the mean of its phases and put back. The members are weighted for the
/// horizon that is asked for, at least an hour, and the quantiles are those of the mixture of their errors. State: at most
/// 2,016 words and one season.
package struct LocalModelForecaster: Forecaster {
    /// Name in configurations and explanations.
    package static let name = "local-models"
    /// Fewer usable points are not forecast.
    package static let minimumPoints = 12
    /// Seconds between two points.
    private static let step = 300.0
    private static let leastHorizon = 3_600.0

    private let values: [Double]
    /// Mean departure at each phase from the mean of its season; empty without a season.
    private let profile: [Double]

    /// Keeps the newest points of the history.
    package init(fitting history: [Double], seasons: [Int]) throws(ForecastError) {
        let values = Array(FilledHistory.filled(history).suffix(UniformSeries.maximumPoints))
        guard values.count >= Self.minimumPoints else {
            throw .insufficientData(have: values.count, need: Self.minimumPoints)
        }
        self.values = values
        profile = FilledHistory.seasons(seasons, points: values.count).last.map { Self.profile(values, $0) } ?? []
    }

    /// The distribution of the next values.
    package func forecast(horizon: Int) -> ForecastPath {
        let steps = Self.steps(horizon)
        // A grid whose first point is at 0, so that the phase of the season follows from the time.
        let series = UniformSeries(
            values: values, step: Self.step, end: Int64(values.count - 1) * Int64(Self.step * 1_000))
        let pool = ForecastPool(
            series, horizon: max(Self.leastHorizon, Double(steps.count) * Self.step), allowsTrends: true,
            season: profile.isEmpty ? nil : { profile[Int($0 / Int64(Self.step * 1_000)) % profile.count] })
        var path = ForecastPath(p10: [], p50: [], p90: [])
        for step in steps {
            let mixture = PoolMixture(pool, after: Double(step + 1) * Self.step)
            path.p10.append(Self.bounded(mixture.quantile(0.1) ?? values[values.count - 1]))
            path.p50.append(Self.bounded(mixture.quantile(0.5) ?? values[values.count - 1]))
            path.p90.append(Self.bounded(mixture.quantile(0.9) ?? values[values.count - 1]))
        }
        return path
    }

    /// Whether a stored state can be gone on with.
    package var isConsistent: Bool {
        (Self.minimumPoints...UniformSeries.maximumPoints).contains(values.count) && profile.count <= values.count
            && values.areUsable && profile.areUsable
    }

    private static func bounded(_ value: Double) -> Double { max(-1e150, min(1e150, value)) }

    private static func profile(_ values: [Double], _ period: Int) -> [Double] {
        let seasons = values.count / period
        let start = values.count - seasons * period
        var profile = Array(repeating: 0.0, count: period)
        for season in 0..<seasons {
            let places = (start + season * period)..<(start + (season + 1) * period)
            let mean = values[places].reduce(0) { $0 + $1 / Double(period) }
            for place in places { profile[place % period] += (values[place] - mean) / Double(seasons) }
        }
        return profile
    }
}
