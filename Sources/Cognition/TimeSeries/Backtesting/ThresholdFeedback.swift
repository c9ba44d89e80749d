/// Moves the threshold of one series by what people say of its alarms, within stated bounds.
///
/// A false alarm moves the threshold half of the way to just above its score, a true one a tenth of the way back to where
/// it began; it stays within 0.6 and 0.98. State: 2 words.
package struct ThresholdFeedback: Sendable, Equatable, Codable {
    /// Least and greatest threshold.
    package static let bounds = 0.6...0.98

    /// Threshold in force.
    package private(set) var threshold: Double
    private let original: Double

    /// - Parameter threshold: the configured one; out of bounds it is taken to the nearest bound, `nan` to 0.7.
    package init(threshold: Double) {
        let value = threshold.isNaN ? 0.7 : min(Self.bounds.upperBound, max(Self.bounds.lowerBound, threshold))
        self.threshold = value
        original = value
    }

    /// Takes in a verdict.
    ///
    /// - Parameters:
    ///   - score: of the alarm, in [0,1]; one that is not finite changes nothing.
    ///   - isTrue: whether people agree that it was one.
    package mutating func take(score: Double, isTrue: Bool) {
        guard score.isFinite else { return }
        let goal = isTrue ? original : max(threshold, min(1, score + 0.01))
        threshold += (isTrue ? 0.1 : 0.5) * (goal - threshold)
        threshold = min(Self.bounds.upperBound, max(Self.bounds.lowerBound, threshold))
    }
}
