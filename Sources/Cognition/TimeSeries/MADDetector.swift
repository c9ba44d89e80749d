/// Median absolute deviation: the modified z-score (Iglewicz and Hoaglin 1993, section 3.3) on the baseline's scale.
///
/// Uses the band's robust scale without regard to tails or recent noise, and so reacts first of the three. Stateless.
package struct MADDetector: Detector, Equatable, Codable {
    /// Name in configurations and explanations.
    package static let name = "mad"

    /// A detector that has seen nothing.
    package init() {}

    /// Takes in the next value and scores its distance from the band, in [0,1].
    package mutating func update(timestamp: Int64, value: Double, band: Band) -> Double {
        guard abs(value) < 1e150, band.scale > 0 else { return 0 }
        return Statistics.score(deviation: abs(value - band.expected) / band.scale)
    }
}
