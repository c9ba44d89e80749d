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

    /// What the reason of a plan in shadow mode begins with, before the state that it would be in.
    static let shadowMarker = "shadow mode; it would be "

    /// Whether plans are for execution or for the record only.
    package enum Mode: String, Sendable, CaseIterable {
        case live, shadow
    }

    private let runbooks: [Runbook]
    private let policy: Policy
    private let autoRemediationEnabled: Bool
    private let mode: Mode

    package init(runbooks: [Runbook], policy: Policy, autoRemediationEnabled: Bool, mode: Mode = .live) {
        self.runbooks = runbooks
        self.policy = policy
        self.autoRemediationEnabled = autoRemediationEnabled
        self.mode = mode
    }

    /// The best fitting runbook for the first suspect: most conditions first, then by name.
    package func runbook(for incident: Incident, except tried: Set<String> = []) -> Runbook? {
        guard let suspect = incident.suspects.first else { return nil }
        return runbooks.filter { !tried.contains($0.name) && $0.match.accepts(suspect, severity: incident.severity) }
            .max { ($0.match.specificity, $1.name) < ($1.match.specificity, $0.name) }
    }

    /// The steps for an incident before their target is looked at; `nil` when no runbook fits.
    package func draft(for incident: Incident, tried: Set<String> = []) -> PlanDraft? {
        guard let runbook = runbook(for: incident, except: tried), let suspect = incident.suspects.first,
            trigger(of: incident, suspect) != nil
        else { return nil }
        let names = names(incident, suspect.entity)
        return PlanDraft(
            target: suspect.entity, steps: fill(runbook.steps, names), rollback: fill(runbook.rollback, names))
    }

    /// The plan for an incident; `nil` when no runbook fits.
    ///
    /// The survey is that of the draft for the same incident, `track` says what is known of a runbook on a kind of
    /// workload, and `recent` counts executions of the target within the hour.
    package func propose(
        for incident: Incident, survey: Survey, tried: Set<String> = [], track: (String) -> TrackRecord,
        recent: RecentExecutions, now: Timestamp
    ) -> Proposal? {
        guard let runbook = runbook(for: incident, except: tried), let suspect = incident.suspects.first,
            let trigger = trigger(of: incident, suspect)
        else { return nil }
        let target = suspect.entity
        let names = names(incident, target)
        let steps = survey.steps + survey.rollback
        let second = incident.suspects.dropFirst().first?.score ?? 0
        let record = track(TrackRecord.key(runbook: runbook.name, target: target))
        let risk = RiskModel.assess(
            RiskInput(
                severity: incident.severity, isCritical: policy.criticalNamespaces.contains(target.namespace),
                blastRadius: blastRadius(runbook, survey.impact), reversibility: runbook.reversibility,
                confidence: suspect.score, lead: suspect.score - second,
                baselineConfidence: trigger.baselineConfidence, recent: recent, recentRollouts: survey.recentRollouts,
                isStaffed: policy.isStaffed(at: now), track: record,
                floor: policy.floor(of: steps, on: target, labels: survey.labels)),
            weights: policy.riskWeights)
        let band = risk.score >= policy.manualFrom ? .manual : risk.band
        let (state, reason) = disposition(steps, target, survey, risk, band, recent, record, now)
        var impact = survey.impact
        impact.estimatedSeconds = survey.steps.reduce(0) { $0 + $1.timeoutSeconds }
        impact.succeeded = record.succeeded
        impact.executed = record.count
        let plan = Plan(
            incidentID: incident.id, incidentRevision: incident.revision, target: target, runbook: runbook.name,
            title: fill(runbook.title, names), why: reasons(incident, suspect, trigger), created: now,
            expires: now.advanced(bySeconds: Double(policy.planLifetimeSeconds)), risk: risk, steps: survey.steps,
            rollback: survey.rollback, verification: verification(trigger, runbook.verification),
            quorum: state == .autoReady && mode == .live
                ? 0 : policy.quorum(for: target, steps: steps, band: band).people,
            policyHash: policy.hash, requester: "sre-planner", impact: impact,
            guards: guards(incident, suspect, trigger, runbook.verification))
        guard mode == .live else {
            return Proposal(plan: plan, state: .shadow, reason: "\(Self.shadowMarker)\(state.rawValue): \(reason)")
        }
        return Proposal(plan: plan, state: state, reason: reason)
    }

    private func names(_ incident: Incident, _ target: Entity) -> [String: String] {
        [
            "{cluster}": target.cluster, "{namespace}": target.namespace, "{kind}": target.kind,
            "{name}": target.name, "{incident}": incident.id,
        ]
    }

    /// Share of the workload that is touched: as looked at, or as the runbook says where that is more.
    private func blastRadius(_ runbook: Runbook, _ impact: Impact) -> Double {
        let replicas = impact.replicas > 0 ? Double(impact.replicasTouched) / Double(impact.replicas) : 0
        return max(impact.replicas > 0 ? 0 : runbook.blastRadius, min(1, replicas), impact.traffic)
    }

    private func disposition(
        _ steps: [Step], _ target: Entity, _ survey: Survey, _ risk: RiskAssessment, _ band: RiskBand,
        _ recent: RecentExecutions, _ record: TrackRecord, _ now: Timestamp
    ) -> (PlanState, String) {
        if let objection = policy.objection(to: steps, on: target) ?? survey.objections.first {
            return (.manual, objection)
        }
        if steps.contains(where: { $0.action.type == .manual }) { return (.manual, "the plan has steps for people") }
        if let window = policy.freeze(at: now) {
            return (.manual, "nothing is started in the window '\(window.name)' of the policy")
        }
        if recent.count >= policy.budgets.perTargetAndHour {
            return (
                .manual, "\(recent.count) executions on this target within the hour, the policy's budget is used up"
            )
        }
        let impact = survey.impact
        if impact.replicas > 0, impact.replicasTouched > policy.budgets.replicas(of: impact.replicas) {
            return (.manual, "it would touch \(impact.replicasTouched) of \(impact.replicas) replicas at once")
        }
        if band == .manual {
            return policy.isManualAssisted
                ? (.awaiting, "the risk \(risk.score) needs \(policy.manualQuorum) people with their own keys")
                : (.manual, "the risk \(risk.score) is for people alone")
        }
        guard policy.allowsAuto(steps, band: band, autoRemediationEnabled: autoRemediationEnabled) else {
            return (.awaiting, band == .auto ? "automatic remediation is not enabled" : "the risk needs approval")
        }
        if let missing = record.missing(for: policy.autonomy) { return (.awaiting, missing) }
        return (.autoReady, "the policy allows it without approval")
    }

    /// Other series of the suspect that are out of bounds: they must be good again, too.
    private func guards(
        _ incident: Incident, _ suspect: Suspect, _ trigger: Anomaly, _ template: Runbook.VerificationTemplate
    ) -> [Verification] {
        let others = incident.anomalies.filter {
            $0.status == .open && $0.entity == suspect.entity && $0.series != trigger.series
        }
        let distinct = Dictionary(others.map { ($0.series, $0) }) { first, _ in first }.values
        return distinct.sorted { ($0.severity, $0.score, $1.id) > ($1.severity, $1.score, $0.id) }.prefix(4)
            .map { verification($0, template) }
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
