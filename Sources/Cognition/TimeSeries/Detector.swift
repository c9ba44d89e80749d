/// Scores how unusual a value is against what is normal at its time; keeps a bounded state of its own.
package protocol Detector: Sendable {
    /// Name in configurations and explanations.
    static var name: String { get }

    /// Takes in the next value of the series and scores it.
    ///
    /// Scores are alike over detectors: 0.7 stands for 4.5 robust standard deviations, which independent normal noise
    /// exceeds once in 150,000 points, and the score grows monotonically with the distance. Values that are not usable
    /// score 0 and leave the state as it is.
    ///
    /// - Parameters:
    ///   - timestamp: Unix milliseconds.
    ///   - value: the measured value.
    ///   - band: what is normal at that instant.
    /// - Returns: the score, in [0,1].
    mutating func update(timestamp: Int64, value: Double, band: Band) -> Double
}
