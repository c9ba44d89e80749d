/// Tukey's fences (Exploratory Data Analysis 1977, section 2D) around the recent residuals.
///
/// The quartiles are those of the last 32 residuals within 4.5 deviations of the band; the interquartile range is never
/// taken to be smaller than the band's, and the middle of the quartiles never farther than one deviation from the
/// band's. State: at most 33 words.
package struct IQRDetector: Detector, Equatable, Codable {
    /// Name in configurations and explanations.
    package static let name = "iqr"
    private static let capacity = 32
    /// Quartile of the standard normal distribution.
    private static let normalQuartile = 0.6745

    /// Ring of residuals in units of the band.
    private var residuals: [Double] = []
    private var next = 0

    /// A detector that has seen nothing.
    package init() {}

    /// Takes in the next value and scores its distance from the band, in [0,1].
    package mutating func update(timestamp: Int64, value: Double, band: Band) -> Double {
        guard abs(value) < 1e150 else { return 0 }
        let deviation = band.deviation(of: value)
        let score = Statistics.score(deviation: distance(of: deviation))
        if abs(deviation) <= 4.5 { insert(deviation) }
        return score
    }

    /// Distance from the nearer quartile in units in which a normal distribution's deviation comes out.
    private func distance(of deviation: Double) -> Double {
        var lower = -Self.normalQuartile
        var upper = Self.normalQuartile
        if residuals.count >= 8 {
            let sorted = residuals.sorted()
            let first = Statistics.quantile(sorted: sorted, 0.25)
            let third = Statistics.quantile(sorted: sorted, 0.75)
            let middle = max(-1, min(1, (first + third) / 2))
            let half = max(Self.normalQuartile, (third - first) / 2)
            lower = middle - half
            upper = middle + half
        }
        let outside = max(0, lower - deviation, deviation - upper)
        guard outside > 0 else { return 0 }
        return Self.normalQuartile + outside * 2 * Self.normalQuartile / (upper - lower)
    }

    private mutating func insert(_ residual: Double) {
        if residuals.count < Self.capacity {
            residuals.append(residual)
        } else {
            let place = residuals.indices.contains(next) ? next : 0
            residuals[place] = residual
            next = (place + 1) % Self.capacity
        }
    }
}
