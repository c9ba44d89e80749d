/// What a detector makes of a sample.
package struct Judgement: Sendable, Equatable, Codable {
    /// How unusual the sample is, in [0,1]; 0.7 stands for 4.5 robust standard deviations of what the detector measures.
    package var score: Double
    /// What the detector, or the recent level where it models no values, expected.
    package var expected: Double
    /// Three robust standard deviations below `expected`.
    package var lower: Double
    /// Three robust standard deviations above `expected`.
    package var upper: Double

    /// All fields as given.
    package init(score: Double, expected: Double, lower: Double, upper: Double) {
        self.score = score
        self.expected = expected
        self.lower = lower
        self.upper = upper
    }

    /// Of a sample that was passed over.
    static let none = Judgement(score: 0, expected: 0, lower: 0, upper: 0)

    /// A band of three standard deviations around what was expected.
    init(score: Double, expected: Double, scale: Double) {
        let most = Double.greatestFiniteMagnitude
        self.init(
            score: score, expected: expected, lower: max(-most, expected - 3 * scale),
            upper: min(most, expected + 3 * scale))
    }
}
