import Authority
import Model

/// What an assessment looks at.
package struct RiskInput: Sendable {
    /// Severity of the incident.
    package var severity: Severity
    /// Whether the policy names the namespace as critical.
    package var isCritical: Bool
    /// In [0,1]: share of replicas touched at once.
    package var blastRadius: Double
    /// In [0,1]: 1 when the plan can be undone completely.
    package var reversibility: Double
    /// In [0,1]: score of the first suspect.
    package var confidence: Double
    /// In [0,1]: lead of the first suspect over the second.
    package var lead: Double
    /// In [0,1]: confidence of the baseline.
    package var baselineConfidence: Double
    /// Executions on the target within the last hour.
    package var recent: RecentExecutions
    /// Rollouts of the target within the last hour that are not the agent's.
    package var recentRollouts: Int
    /// Whether people are at hand.
    package var isStaffed: Bool
    /// What is known of the runbook.
    package var track: TrackRecord
    /// Lowest score that the policy allows for the actions.
    package var floor: Double

    package init(
        severity: Severity, isCritical: Bool, blastRadius: Double, reversibility: Double, confidence: Double,
        lead: Double, baselineConfidence: Double, recent: RecentExecutions, recentRollouts: Int = 0,
        isStaffed: Bool, track: TrackRecord, floor: Double
    ) {
        self.severity = severity
        self.isCritical = isCritical
        self.blastRadius = blastRadius
        self.reversibility = reversibility
        self.confidence = confidence
        self.lead = lead
        self.baselineConfidence = baselineConfidence
        self.recent = recent
        self.recentRollouts = recentRollouts
        self.isStaffed = isStaffed
        self.track = track
        self.floor = floor
    }
}

/// The risk of a plan: `max(floor, Σ weight · value)` over named factors, each in [0,1]: pure.
///
/// The weights are the policy's (`risk_weights`); these are the defaults.
///
/// | factor | weight | value |
/// |---|---|---|
/// | criticality | 0.15 | 1 in a critical namespace, else 0.25, plus 0.25 · severity rank / 3, at most 1 |
/// | blast-radius | 0.20 | share of replicas touched at once, or of traffic moved, whichever is more |
/// | irreversibility | 0.15 | 1 − reversibility |
/// | uncertainty | 0.20 | 1 − confidence of the first suspect · (0.7 + 0.3 · lead) · baseline confidence |
/// | recent-changes | 0.10 | (executions + 2 · failures + others' rollouts of the target within the hour) / 3, at most 1 |
/// | timing | 0.05 | 1 outside the policy's staffed hours |
/// | track-record | 0.15 | 1 − lower bound of the success probability (Wilson, 95 %) |
package enum RiskModel {
    /// Names of the factors.
    package static let factors = [
        "criticality", "blast-radius", "irreversibility", "uncertainty", "recent-changes", "timing", "track-record",
    ]

    /// The assessment of an input; values that are not numbers count as 1, factors without a weight as 0.
    package static func assess(
        _ input: RiskInput, weights: [String: Double] = Policy.defaultRiskWeights
    ) -> RiskAssessment {
        let factors = zip(Self.factors, values(input)).map { name, item in
            RiskFactor(
                name: name, value: rounded(unit(item.value)), weight: unit(weights[name] ?? 0), reason: item.reason)
        }
        let floor = unit(input.floor)
        let sum = rounded(factors.reduce(0) { $0 + $1.contribution })
        let score = max(floor, min(1, sum))
        return RiskAssessment(score: score, floor: floor, band: RiskBand(score: score), factors: factors)
    }

    private static func unit(_ value: Double) -> Double { value.isNaN ? 1 : min(1, max(0, value)) }

    private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }

    /// Value and reason of each factor, in the order of ``factors``.
    private static func values(_ input: RiskInput) -> [(value: Double, reason: String)] {
        let severity = Double(input.severity.rank) / 3
        let certainty = unit(input.confidence) * (0.7 + 0.3 * unit(input.lead)) * unit(input.baselineConfidence)
        let success = input.track.interval
        let place = input.isCritical ? "a critical" : "an ordinary"
        return [
            (
                (input.isCritical ? 1 : 0.25) + 0.25 * severity,
                "\(input.severity.rawValue) severity in \(place) namespace"
            ),
            (
                input.blastRadius,
                "touches \(Int((unit(input.blastRadius) * 100).rounded())) % of the workload at once"
            ),
            (
                1 - input.reversibility,
                unit(input.reversibility) >= 0.99 ? "can be undone" : "cannot be undone completely"
            ),
            (
                1 - certainty,
                "first suspect \(rounded(unit(input.confidence))), baseline "
                    + "\(rounded(unit(input.baselineConfidence)))"
            ),
            (
                Double(input.recent.count + 2 * input.recent.failed + input.recentRollouts) / 3,
                "\(input.recent.count) executions on the target within the hour, \(input.recent.failed) failed, "
                    + "\(input.recentRollouts) rollouts by others"
            ),
            (input.isStaffed ? 0 : 1, input.isStaffed ? "people are at hand" : "outside the staffed hours"),
            (
                1 - success.lowerBound,
                input.track.count == 0
                    ? "never carried out before"
                    : "\(input.track.succeeded) of \(input.track.count) verified, "
                        + "\(Int(success.lowerBound * 100))-\(Int(success.upperBound * 100)) % at 95 %"
            ),
        ]
    }
}
