/// Shewhart's rule: the distance from the band in standard deviations of the recent noise.
///
/// The noise is an exponentially weighted variance of residuals inside the band (RiskMetrics 1996, weight 1/64 a
/// sample), never taken to be smaller than the band, so that a series that has become noisier alarms less. State: 16
/// bytes.
package struct ThreeSigmaDetector: Detector, Equatable, Codable {
    /// Name in configurations and explanations.
    package static let name = "3-sigma"
    private static let weight = 1.0 / 64

    /// Weighted variance of residuals in units of the band, 1 being normal.
    private var variance = 1.0

    /// A detector that has seen nothing.
    package init() {}

    /// Takes in the next value and scores its distance from the band, in [0,1].
    package mutating func update(timestamp: Int64, value: Double, band: Band) -> Double {
        guard abs(value) < 1e150 else { return 0 }
        let deviation = band.deviation(of: value)
        let score = Statistics.score(deviation: deviation / max(1, variance).squareRoot())
        if abs(deviation) <= 4.5 { variance += Self.weight * (deviation * deviation - variance) }
        return score
    }
}
