/// What a sample means.
package struct Detection: Sendable, Equatable, Codable {
    /// Combined score in [0,1].
    package var score: Double
    /// What is normal at the time of the sample.
    package var band: Band
    /// The sample's value; of an unusable sample, the expected one.
    package var value: Double
    /// `(value - expected) / |expected|`, where a small expected value is replaced by the scale; within ±1e6.
    package var relativeDeviation: Double
    /// Scores of the detectors, before direction and least deviations are regarded.
    package var members: [MemberScore]
    /// What the sample changes.
    package var transition: Transition
    /// Days in which a residual as large comes once, by the tail of the series' own; 0 where that is not known.
    package var rarityDays: Double

    /// All fields as given.
    package init(
        score: Double, band: Band, value: Double, relativeDeviation: Double, members: [MemberScore],
        transition: Transition, rarityDays: Double = 0
    ) {
        self.score = score
        self.band = band
        self.value = value
        self.relativeDeviation = relativeDeviation
        self.members = members
        self.transition = transition
        self.rarityDays = rarityDays
    }
}
