/// Quantiles of the next values of a series, in its unit; index 0 is one point after the history.
package struct ForecastPath: Sendable, Equatable, Codable {
    /// 10th percentile, at most `p50` at each point.
    package var p10: [Double]
    /// Median.
    package var p50: [Double]
    /// 90th percentile, at least `p50` at each point.
    package var p90: [Double]

    /// All fields as given; of the same length.
    package init(p10: [Double], p50: [Double], p90: [Double]) {
        self.p10 = p10
        self.p50 = p50
        self.p90 = p90
    }

    /// Quantile 0.9 of the standard normal distribution.
    static let ninetieth = 1.2815515655

    /// Normal distributions, in the unit that `transform` turns into the series' own; `transform` is monotone.
    init(means: [Double], deviations: [Double], transform: (Double) -> Double = { $0 }) {
        p50 = means.map(transform)
        p10 = zip(means, deviations).map { transform($0 - Self.ninetieth * $1) }
        p90 = zip(means, deviations).map { transform($0 + Self.ninetieth * $1) }
    }

    /// The mean of the quantiles of several paths of the same length (Vincent 1912): as sharp as the typical one.
    static func averaged(_ paths: [ForecastPath]) -> ForecastPath {
        func mean(_ part: (ForecastPath) -> [Double]) -> [Double] {
            let length = paths.map { part($0).count }.min() ?? 0
            return (0..<length).map { index in
                paths.reduce(0) { $0 + part($1)[index] / Double(paths.count) }
            }
        }
        return ForecastPath(p10: mean(\.p10), p50: mean(\.p50), p90: mean(\.p90))
    }
}
