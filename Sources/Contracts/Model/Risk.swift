/// What a risk score asks for.
package enum RiskBand: String, Sendable, CaseIterable {
    /// [0, 0.6): may run by itself where the policy allows it.
    case auto = "AUTO"
    /// [0.6, 0.8): needs approval.
    case semiAuto = "SEMI_AUTO"
    /// [0.8, 1] and every score that is not a number in [0,1]: done by people.
    case manual = "MANUAL"

    /// The band of a score.
    package init(score: Double) {
        switch score {
        case 0..<0.6: self = .auto
        case 0.6..<0.8: self = .semiAuto
        default: self = .manual
        }
    }
}

/// A risk score with its derivation.
package struct RiskAssessment: Sendable, Equatable {
    /// In [0,1]: the larger of `floor` and the sum of the contributions.
    package var score: Double
    /// Lowest score that the action class and the target allow.
    package var floor: Double
    /// Band of `score`.
    package var band: RiskBand
    /// Named factors; their contributions add up to the score before the floor.
    package var factors: [RiskFactor]

    package init(score: Double, floor: Double, band: RiskBand, factors: [RiskFactor]) {
        self.score = score
        self.floor = floor
        self.band = band
        self.factors = factors
    }
}

/// One named factor of a risk score.
package struct RiskFactor: Sendable, Equatable {
    /// Name, such as `blast-radius`.
    package var name: String
    /// In [0,1].
    package var value: Double
    /// In [0,1]; the weights of an assessment add up to 1.
    package var weight: Double
    /// Why the value is what it is.
    package var reason: String

    /// `value * weight`.
    package var contribution: Double { value * weight }

    package init(name: String, value: Double, weight: Double, reason: String) {
        self.name = name
        self.value = value
        self.weight = weight
        self.reason = reason
    }
}
