/// Score of one detector of an ensemble.
package struct MemberScore: Sendable, Equatable, Codable {
    /// Name of the detector.
    package var name: String
    /// In [0,1].
    package var score: Double

    /// All fields as given.
    package init(name: String, score: Double) {
        self.name = name
        self.score = score
    }
}
