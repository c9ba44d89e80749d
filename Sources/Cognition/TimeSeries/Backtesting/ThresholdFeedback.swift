/// Moves the threshold of one series by what people say of its alarms, within stated bounds.
///
/// A false alarm moves the threshold half of the way to just above its score, a true one a tenth of the way back to where
/// it began; it stays within 0.6 and 0.98, whatever people say. Each alarm counts once. State: 5 words, and the names of the
/// last 16 alarms.
package struct ThresholdFeedback: Sendable, Equatable, Codable {
    /// Least and greatest threshold.
    package static let bounds = 0.6...0.98
    private static let remembered = 16

    /// Threshold in force.
    package private(set) var threshold: Double
    /// The configured one that all began with, within the bounds.
    package let configured: Double
    /// What verdicts move away from and back to: the configured one, or a proposal that was accepted.
    package private(set) var base: Double
    /// Alarms that people called true, and false.
    package private(set) var trueAlarms = 0
    package private(set) var falseAlarms = 0
    private var judged: [String] = []

    /// - Parameter threshold: the configured one; out of bounds it is taken to the nearest bound, `nan` to 0.7.
    package init(threshold: Double) {
        let value = Self.bounded(threshold)
        self.threshold = value
        configured = value
        base = value
    }

    /// Takes in a verdict.
    ///
    /// - Parameters:
    ///   - score: of the alarm, in [0,1]; one that is not finite changes nothing.
    ///   - isTrue: whether people agree that it was one.
    ///   - alarm: its name; a second verdict about one of the last 16 changes nothing. `nil` for one without a name.
    package mutating func take(score: Double, isTrue: Bool, alarm: String? = nil) {
        guard score.isFinite else { return }
        if let alarm {
            guard !judged.contains(alarm) else { return }
            judged.append(alarm)
            if judged.count > Self.remembered { judged.removeFirst() }
        }
        if isTrue { trueAlarms = min(trueAlarms + 1, 1 << 40) } else { falseAlarms = min(falseAlarms + 1, 1 << 40) }
        let goal = isTrue ? base : max(threshold, min(1, score + 0.01))
        threshold = Self.bounded(threshold + (isTrue ? 0.1 : 0.5) * (goal - threshold))
    }

    /// Accepts a proposed threshold: it is in force, and what later verdicts come back to.
    package mutating func apply(_ proposed: Double) {
        base = Self.bounded(proposed)
        threshold = base
    }

    private static func bounded(_ value: Double) -> Double {
        value.isNaN ? 0.7 : min(bounds.upperBound, max(bounds.lowerBound, value))
    }
}
