import Model

/// Everything that a person needs who takes a plan over: what was done, what is not known, how to look, how to undo it.
package struct Handover: Sendable, Equatable {
    /// The text, line by line.
    package let lines: [String]

    /// What a plan and its progress say.
    package init(_ plan: Plan, _ outcome: Outcome) {
        var lines = [
            "\(outcome.planID) needs a person: \(outcome.detail)",
            "plan: \(plan.title), for \(plan.target), incident \(plan.incidentID), runbook \(plan.runbook)",
        ]
        for phase in [StepResult.Phase.step, .rollback] {
            let steps = phase == .step ? plan.steps : plan.rollback
            let results = outcome.steps.filter { $0.phase == phase }
            guard phase == .step || !results.isEmpty else { continue }
            for step in steps {
                let result = results.last { $0.index == step.index }
                let name = phase == .step ? "step \(step.index + 1)" : "rollback \(step.index + 1)"
                lines.append("\(name), \(step.description): \(Self.verdict(result))")
            }
        }
        let objects = (plan.steps + plan.rollback).compactMap(\.action.pin).map(\.object)
        var seen: Set<String> = []
        for object in objects where seen.insert(object).inserted {
            lines.append("look: kubectl get --raw \(object)")
        }
        if outcome.steps.contains(where: { $0.state != .failed && !$0.object.isEmpty || $0.state == .unknown }),
            !seen.isEmpty
        {
            lines.append("put it back as it was: sre-approver backup \(outcome.planID) | kubectl replace -f -")
        }
        lines.append("what happened: sre-approver history \(outcome.planID)")
        self.lines = lines
    }

    private static func verdict(_ result: StepResult?) -> String {
        guard let result else { return "not begun" }
        return switch result.state {
        case .intent: "begun, its outcome is not known"
        case .done: "done, \(result.detail)"
        case .adopted: "found done, \(result.detail)"
        case .failed: "not done, \(result.detail)"
        case .unknown: "nobody can tell whether it was done: \(result.detail)"
        }
    }
}
