import Authority
import Model

/// Why a plan needs what it needs, from the policy in force: pure.
package struct PlanExplanation: Sendable, Equatable {
    /// One rule and what it says about the plan.
    package struct Finding: Sendable, Equatable {
        /// What is asked, such as `quorum`.
        package var topic: String
        /// The answer.
        package var answer: String

        package init(_ topic: String, _ answer: String) {
            self.topic = topic
            self.answer = answer
        }
    }

    /// Findings in the order in which they decide.
    package var findings: [Finding]

    /// Explains a plan.
    package init(
        _ plan: Plan, policy: Policy, autoRemediationEnabled: Bool, track: TrackRecord, now: Timestamp
    ) {
        let steps = plan.steps + plan.rollback
        let floor = policy.floor(of: steps, on: plan.target, labels: [:])
        let score = max(plan.risk.score, floor)
        let band: RiskBand = score >= policy.manualFrom ? .manual : RiskBand(score: score)
        var findings: [Finding] = []
        func add(_ topic: String, _ answer: String) { findings.append(Finding(topic, answer)) }
        add("policy", plan.policyHash == policy.hash ? "the one in force" : "made under another policy: refused")
        add("permission", policy.objection(to: steps, on: plan.target) ?? "namespace, target and actions are allowed")
        for factor in plan.risk.factors {
            add(
                "risk: \(factor.name)",
                "\(Readable.number(factor.contribution)) = \(Readable.number(factor.value)) × "
                    + "\(Readable.number(factor.weight)), \(factor.reason)")
        }
        for type in Set(steps.map(\.action.type)).sorted(by: { $0.rawValue < $1.rawValue }) {
            if let least = policy.floors[type] { add("floor", "\(type.rawValue): at least \(Readable.number(least))") }
        }
        for rule in policy.targetFloors where rule.pattern.matches(plan.target) {
            let labels = rule.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            let condition = labels.isEmpty ? "" : " when labelled \(labels.joined(separator: ","))"
            add("floor", "\(rule.pattern): at least \(Readable.number(rule.floor))\(condition)")
        }
        add("risk", "\(Readable.number(score)), floor \(Readable.number(max(floor, plan.risk.floor)))")
        add("band", Self.band(band, policy))
        if let window = policy.freeze(at: now) {
            add("freeze", "nothing is started in the window '\(window.name)' now, but with break-glass")
        }
        let quorum = policy.quorum(for: plan.target, steps: steps, band: band)
        if policy.allowsAuto(steps, band: band, autoRemediationEnabled: autoRemediationEnabled) {
            add("autonomy", track.missing(for: policy.autonomy) ?? "earned: it may run without approval")
        } else if band == .auto {
            add(
                "autonomy",
                autoRemediationEnabled
                    ? "an action is not among the policy's auto_actions" : "risk.auto_remediation_enabled is false")
        }
        let people = max(plan.quorum, quorum.people)
        add("quorum", "\(people) \(people == 1 ? "person" : "people") (\(quorum.reasons.joined(separator: "; ")))")
        add(
            "through the gateway",
            quorum.people > 1 || band == .manual ? "no: each person's own key is needed" : "yes, by one person")
        let budgets = policy.budgets
        let replicas =
            plan.impact.replicas == 0
            ? ""
            : ", \(budgets.replicas(of: plan.impact.replicas)) of \(plan.impact.replicas) replicas at once (the plan: "
                + "\(plan.impact.replicasTouched))"
        add(
            "budgets",
            "\(budgets.perTargetAndHour) per target and hour, \(budgets.perNamespaceAndHour) per namespace and hour, "
                + "\(budgets.perApproverAndHour) per approver, namespace and hour, "
                + "\(budgets.concurrent) at a time\(replicas)")
        add("expiry", "\(plan.expires)\(now < plan.expires ? "" : ", which is over")")
        self.findings = findings
    }

    private static func band(_ band: RiskBand, _ policy: Policy) -> String {
        switch band {
        case .auto: "AUTO: may run by itself where the policy allows it"
        case .semiAuto: "SEMI_AUTO: needs approval"
        case .manual:
            policy.isManualAssisted
                ? "MANUAL: may be started when \(policy.manualQuorum) people sign with their own keys"
                : "MANUAL: for people alone"
        }
    }
}
