/// A straight line through noisy points, with its errors.
///
/// Slope: Theil-Sen (Sen 1968, "Estimates of the regression coefficient based on Kendall's tau"), with his interval.
/// Significance: Mann-Kendall (Kendall 1975), with the variance inflated for autocorrelated noise (Hamed and Rao 1998,
/// in the first-order form).
struct RobustTrend: Sendable, Equatable {
    /// One point: seconds relative to the newest one, and value.
    struct Point: Sendable, Equatable {
        var seconds: Double
        var value: Double
    }

    /// More points than this are thinned out evenly, as all pairs are looked at.
    static let maximumPoints = 160

    /// Units a second.
    var slope: Double
    /// Standard error of the slope.
    var slopeError: Double
    /// Value of the line at the newest point.
    var level: Double
    /// Robust scale of the residuals.
    var noise: Double
    /// Mann-Kendall's statistic in standard deviations; positive when rising.
    var z: Double
    /// Seconds between the first and the last point.
    var span: Double

    /// - Parameter points: ascending in time, at least two different instants.
    init(_ all: [Point]) {
        let stride = max(1, (all.count + Self.maximumPoints - 1) / Self.maximumPoints)
        let points = all.indices.filter { (all.count - 1 - $0) % stride == 0 }.map { all[$0] }
        var slopes: [Double] = []
        slopes.reserveCapacity(points.count * max(0, points.count - 1) / 2)
        var score = 0.0
        for (index, earlier) in points.enumerated() {
            for later in points[(index + 1)...] where later.seconds > earlier.seconds {
                let difference = later.value - earlier.value
                slopes.append(difference / (later.seconds - earlier.seconds))
                score += difference > 0 ? 1 : difference < 0 ? -1 : 0
            }
        }
        slopes.sort()
        let slope = Statistics.quantile(sorted: slopes, 0.5)
        let intercepts = points.map { $0.value - slope * $0.seconds }
        let level = Statistics.median(intercepts)
        let residuals = intercepts.map { $0 - level }
        let correlation = max(0, min(0.95, Statistics.lagOneCorrelation(residuals)))
        let inflation = (1 + correlation) / (1 - correlation)
        let count = Double(points.count)
        let deviation = (count * (count - 1) * (2 * count + 5) / 18 * inflation).squareRoot()
        // Sen's interval of one standard error: ranks of the slopes around the median.
        let reach = deviation / 2 / Double(max(1, slopes.count))
        let upper = Statistics.quantile(sorted: slopes, 0.5 + reach)
        let lower = Statistics.quantile(sorted: slopes, 0.5 - reach)
        self.slope = slope
        self.slopeError = (upper - lower) / 2
        self.level = level
        self.noise = Statistics.robustScale(residuals, around: 0)
        self.z = score == 0 || deviation == 0 ? 0 : (abs(score) - 1) / deviation * (score > 0 ? 1 : -1)
        self.span = max(0, (points.last?.seconds ?? 0) - (points.first?.seconds ?? 0))
    }

    /// Whether the two-sided test rejects "no trend" at a level.
    func isSignificant(_ level: Double) -> Bool { 2 * (1 - Statistics.normalCDF(abs(z))) < level }
}
