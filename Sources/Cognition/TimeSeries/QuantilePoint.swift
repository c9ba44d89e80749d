/// Quantiles of a forecast value at one instant; `p10 <= p50 <= p90`.
package struct QuantilePoint: Sendable, Equatable, Codable {
    /// Unix milliseconds.
    package var timestamp: Int64
    /// 10th percentile.
    package var p10: Double
    /// Median.
    package var p50: Double
    /// 90th percentile.
    package var p90: Double

    /// All fields as given.
    package init(timestamp: Int64, p10: Double, p50: Double, p90: Double) {
        self.timestamp = timestamp
        self.p10 = p10
        self.p50 = p50
        self.p90 = p90
    }
}
