import Model

/// Steps of a plan before it is known what they find.
package struct PlanDraft: Sendable, Equatable {
    /// Workload that the plan acts on.
    package var target: Entity
    /// Steps with names filled in, values still as the runbook has them.
    package var steps: [Step]
    /// Steps that undo the plan.
    package var rollback: [Step]

    package init(target: Entity, steps: [Step], rollback: [Step]) {
        self.target = target
        self.steps = steps
        self.rollback = rollback
    }

    /// Whether any step goes through the Kubernetes API.
    package var needsKubernetes: Bool { (steps + rollback).contains { $0.action.type.isKubernetes } }
}

/// What a draft would find and do.
package struct Survey: Sendable, Equatable {
    /// Steps with exact values and pins.
    package var steps: [Step]
    /// Rollback with exact values and pins.
    package var rollback: [Step]
    /// Labels of the target.
    package var labels: [String: String]
    /// What the plan touches; success figures and duration are not part of it.
    package var impact: Impact
    /// Why the plan must not be carried out by the agent; empty when nothing speaks against it.
    package var objections: [String]
    /// Rollouts of the target within the last hour that are not the agent's.
    package var recentRollouts: Int

    package init(
        steps: [Step], rollback: [Step], labels: [String: String] = [:], impact: Impact = Impact(),
        objections: [String] = [], recentRollouts: Int = 0
    ) {
        self.steps = steps
        self.rollback = rollback
        self.labels = labels
        self.impact = impact
        self.objections = objections
        self.recentRollouts = recentRollouts
    }
}

/// Looks at the target of a draft without changing it: resolves values, pins objects, dry-runs, looks for conflicts.
package protocol TargetSurveyor: Sendable {
    /// Surveys a draft; what stands in the way is part of the answer.
    func survey(_ draft: PlanDraft) async -> Survey
}

/// Stands in where no Kubernetes is configured: its actions are for people.
package struct AbsentSurveyor: TargetSurveyor {
    package init() {}

    package func survey(_ draft: PlanDraft) async -> Survey {
        Survey(
            steps: draft.steps, rollback: draft.rollback,
            objections: draft.needsKubernetes ? ["no Kubernetes is configured, so the target cannot be looked at"] : [])
    }
}
