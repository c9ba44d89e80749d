import Model

/// What is known of past executions of a runbook.
package struct TrackRecord: Sendable, Equatable {
    /// Executions that ended verified.
    package var succeeded: Int
    /// Executions that ended in any other way.
    package var failed: Int

    package init(succeeded: Int = 0, failed: Int = 0) {
        self.succeeded = succeeded
        self.failed = failed
    }

    /// Executions.
    package var count: Int { succeeded + failed }

    /// Wilson's score interval for the probability of success at 95 % (Wilson 1927); [0,1] without executions.
    package var interval: ClosedRange<Double> {
        guard count > 0 else { return 0...1 }
        let n = Double(count)
        let share = Double(succeeded) / n
        let z = 1.96
        let center = (share + z * z / (2 * n)) / (1 + z * z / n)
        let reach = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        return max(0, center - reach)...min(1, center + reach)
    }
}

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
    package var recentExecutions: Int
    /// What is known of the runbook.
    package var track: TrackRecord
    /// Lowest score that the policy allows for the actions.
    package var floor: Double

    package init(
        severity: Severity, isCritical: Bool, blastRadius: Double, reversibility: Double, confidence: Double,
        lead: Double, baselineConfidence: Double, recentExecutions: Int, track: TrackRecord, floor: Double
    ) {
        self.severity = severity
        self.isCritical = isCritical
        self.blastRadius = blastRadius
        self.reversibility = reversibility
        self.confidence = confidence
        self.lead = lead
        self.baselineConfidence = baselineConfidence
        self.recentExecutions = recentExecutions
        self.track = track
        self.floor = floor
    }
}

/// The risk of a plan: `max(floor, Σ weight · value)` over named factors, each in [0,1]: pure.
///
/// | factor | weight | value |
/// |---|---|---|
/// | criticality | 0.15 | 1 in a critical namespace, else 0.25, plus 0.25 · severity rank / 3, at most 1 |
/// | blast-radius | 0.20 | share of replicas touched at once |
/// | irreversibility | 0.20 | 1 − reversibility |
/// | uncertainty | 0.20 | 1 − confidence of the first suspect · (0.7 + 0.3 · lead) · baseline confidence |
/// | recent-changes | 0.10 | executions on the target within the hour / 3, at most 1 |
/// | track-record | 0.15 | 1 − lower bound of the success probability (Wilson, 95 %) |
package enum RiskModel {
    /// The assessment of an input; values that are not numbers count as 1.
    package static func assess(_ input: RiskInput) -> RiskAssessment {
        func unit(_ value: Double) -> Double { value.isNaN ? 1 : min(1, max(0, value)) }
        func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
        let severity = Double(input.severity.rank) / 3
        let certainty =
            unit(input.confidence) * (0.7 + 0.3 * unit(input.lead)) * unit(input.baselineConfidence)
        let success = input.track.interval
        let factors = [
            RiskFactor(
                name: "criticality", value: rounded(unit((input.isCritical ? 1 : 0.25) + 0.25 * severity)),
                weight: 0.15,
                reason:
                    "\(input.severity.rawValue) severity in \(input.isCritical ? "a critical" : "an ordinary") namespace"
            ),
            RiskFactor(
                name: "blast-radius", value: rounded(unit(input.blastRadius)), weight: 0.2,
                reason: "touches \(Int((unit(input.blastRadius) * 100).rounded())) % of the workload at once"),
            RiskFactor(
                name: "irreversibility", value: rounded(unit(1 - input.reversibility)), weight: 0.2,
                reason: unit(input.reversibility) >= 0.99 ? "can be undone" : "cannot be undone completely"),
            RiskFactor(
                name: "uncertainty", value: rounded(1 - certainty), weight: 0.2,
                reason:
                    "first suspect \(rounded(unit(input.confidence))), baseline \(rounded(unit(input.baselineConfidence)))"
            ),
            RiskFactor(
                name: "recent-changes", value: rounded(unit(Double(input.recentExecutions) / 3)), weight: 0.1,
                reason: "\(input.recentExecutions) executions on the target within the hour"),
            RiskFactor(
                name: "track-record", value: rounded(unit(1 - success.lowerBound)), weight: 0.15,
                reason: input.track.count == 0
                    ? "never carried out before"
                    : "\(input.track.succeeded) of \(input.track.count) verified, "
                        + "\(Int(success.lowerBound * 100))-\(Int(success.upperBound * 100)) % at 95 %"),
        ]
        let floor = unit(input.floor)
        let sum = rounded(factors.reduce(0) { $0 + $1.contribution })
        let score = max(floor, min(1, sum))
        return RiskAssessment(score: score, floor: floor, band: RiskBand(score: score), factors: factors)
    }
}
