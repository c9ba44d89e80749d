import Authority
import Model

/// Makes a plan for an incident from the catalogue: pure.
package struct PlanMaker: Sendable {
    /// A plan and the state it is proposed in.
    package struct Proposal: Sendable, Equatable {
        /// The plan.
        package var plan: Plan
        /// `AWAITING`, `AUTO_READY` or `MANUAL`.
        package var state: PlanState
        /// Why it is in that state.
        package var reason: String
    }

    private let runbooks: [Runbook]
    private let policy: Policy
    private let autoRemediationEnabled: Bool

    package init(runbooks: [Runbook], policy: Policy, autoRemediationEnabled: Bool) {
        self.runbooks = runbooks
        self.policy = policy
        self.autoRemediationEnabled = autoRemediationEnabled
    }

    /// The best fitting runbook for the first suspect: most conditions first, then by name.
    package func runbook(for incident: Incident, except tried: Set<String> = []) -> Runbook? {
        guard let suspect = incident.suspects.first else { return nil }
        return runbooks.filter { !tried.contains($0.name) && $0.match.accepts(suspect, severity: incident.severity) }
            .max { ($0.match.specificity, $1.name) < ($1.match.specificity, $0.name) }
    }

    /// The plan for an incident; `nil` when no runbook fits.
    package func propose(
        for incident: Incident, tried: Set<String> = [], track: (String) -> TrackRecord, recentExecutions: Int,
        now: Timestamp
    ) -> Proposal? {
        guard let runbook = runbook(for: incident, except: tried), let suspect = incident.suspects.first,
            let trigger = trigger(of: incident, suspect)
        else { return nil }
        let target = suspect.entity
        let names = [
            "{cluster}": target.cluster, "{namespace}": target.namespace, "{kind}": target.kind,
            "{name}": target.name, "{incident}": incident.id,
        ]
        let steps = fill(runbook.steps, names)
        let rollback = fill(runbook.rollback, names)
        let second = incident.suspects.dropFirst().first?.score ?? 0
        let risk = RiskModel.assess(
            RiskInput(
                severity: incident.severity, isCritical: policy.criticalNamespaces.contains(target.namespace),
                blastRadius: runbook.blastRadius, reversibility: runbook.reversibility, confidence: suspect.score,
                lead: suspect.score - second, baselineConfidence: trigger.baselineConfidence,
                recentExecutions: recentExecutions, track: track(runbook.name),
                floor: policy.floor(of: steps + rollback)))
        let (state, reason) = disposition(steps + rollback, target, risk, recentExecutions)
        let plan = Plan(
            incidentID: incident.id, incidentRevision: incident.revision, target: target, runbook: runbook.name,
            title: fill(runbook.title, names), why: reasons(incident, suspect, trigger), created: now,
            expires: now.advanced(bySeconds: Double(policy.planLifetimeSeconds)), risk: risk, steps: steps,
            rollback: rollback, verification: verification(trigger, runbook.verification),
            quorum: state == .autoReady ? 0 : policy.quorum(for: target), policyHash: policy.hash,
            requester: "sre-planner")
        return Proposal(plan: plan, state: state, reason: reason)
    }

    private func disposition(
        _ steps: [Step], _ target: Entity, _ risk: RiskAssessment, _ recent: Int
    ) -> (PlanState, String) {
        if let objection = policy.objection(to: steps, on: target) { return (.manual, objection) }
        if risk.band == .manual || risk.score >= policy.manualFrom {
            return (.manual, "the risk \(risk.score) is for people alone")
        }
        if recent >= policy.executionsPerTargetAndHour {
            return (.manual, "\(recent) executions on this target within the hour, the policy's budget is used up")
        }
        if policy.allowsAuto(steps, band: risk.band, autoRemediationEnabled: autoRemediationEnabled) {
            return (.autoReady, "the policy allows it without approval")
        }
        return (.awaiting, risk.band == .auto ? "automatic remediation is not enabled" : "the risk needs approval")
    }

    /// The suspect's strongest open anomaly: the one that a repair must end.
    private func trigger(of incident: Incident, _ suspect: Suspect) -> Anomaly? {
        let open = incident.anomalies.filter { $0.status == .open }
        return
            (open.filter { $0.entity == suspect.entity }.isEmpty
            ? open : open.filter { $0.entity == suspect.entity })
            .max { ($0.severity, $0.score, $1.id) < ($1.severity, $1.score, $0.id) }
    }

    private func verification(_ trigger: Anomaly, _ template: Runbook.VerificationTemplate) -> Verification {
        let isAbove = trigger.value > trigger.expected
        return Verification(
            series: trigger.series, lower: isAbove ? nil : trigger.lower, upper: isAbove ? trigger.upper : nil,
            scrapes: template.scrapes, intervalSeconds: template.intervalSeconds,
            timeoutSeconds: template.timeoutSeconds)
    }

    private func reasons(_ incident: Incident, _ suspect: Suspect, _ trigger: Anomaly) -> [String] {
        var reasons = ["\(suspect.cause) suspected in \(suspect.entity.name) (score \(Readable.number(suspect.score)))"]
        reasons += suspect.evidence.map(\.statement)
        if let forecast = trigger.forecast {
            let limit = Readable.amount(forecast.limit, trigger.unit)
            if forecast.breached {
                reasons.append("the limit of \(limit) is exceeded")
            } else if let p50 = forecast.p50 {
                reasons.append(
                    "the limit of \(limit) will be reached in \(Readable.duration(p50)) (probability "
                        + "\(Readable.number(forecast.probability)) within \(Readable.duration(forecast.horizon)))")
            }
        }
        return reasons
    }

    private func fill(_ templates: [Runbook.StepTemplate], _ names: [String: String]) -> [Step] {
        templates.enumerated().map { index, template in
            Step(
                index: index, description: fill(template.description, names),
                action: Action(type: template.type, parameters: template.parameters.mapValues { fill($0, names) }),
                timeoutSeconds: template.timeoutSeconds)
        }
    }

    /// One pass from left to right, so that a name that looks like a placeholder stays as it is.
    private func fill(_ template: String, _ names: [String: String]) -> String {
        var result = ""
        var rest = template[...]
        while let brace = rest.firstIndex(of: "{") {
            result += rest[..<brace]
            rest = rest[brace...]
            if let name = names.keys.first(where: { rest.hasPrefix($0) }) {
                result += names[name] ?? ""
                rest = rest.dropFirst(name.count)
            } else {
                result.append("{")
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }
}
