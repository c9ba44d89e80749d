/// Progress and end of one execution.
package struct Outcome: Sendable, Equatable {
    /// Id of the plan.
    package var planID: String
    /// Hash of the plan, lower-case hex.
    package var planHash: String
    /// Incident that the plan repairs.
    package var incidentID: String
    /// Workload that the plan acts on.
    package var target: Entity
    /// State that the plan went to.
    package var state: PlanState
    /// What happened, for a person.
    package var detail: String
    /// Results so far, in order.
    package var steps: [StepResult]
    /// When.
    package var time: Timestamp
    /// Name of the runbook.
    package var runbook: String

    package init(
        planID: String, planHash: String, incidentID: String, target: Entity, state: PlanState, detail: String,
        steps: [StepResult], time: Timestamp, runbook: String
    ) {
        self.planID = planID
        self.planHash = planHash
        self.incidentID = incidentID
        self.target = target
        self.state = state
        self.detail = detail
        self.steps = steps
        self.time = time
        self.runbook = runbook
    }
}

/// What became of one step.
package struct StepResult: Sendable, Equatable {
    /// Whether the step belongs to the plan or to its rollback.
    package enum Phase: String, Sendable {
        case step, rollback
    }

    /// How far the step is.
    package enum State: String, Sendable {
        /// Written before the action: the action may or may not have been carried out.
        case intent = "INTENT"
        /// Carried out by us.
        case done = "DONE"
        /// Found carried out already.
        case adopted = "ADOPTED"
        /// Not carried out.
        case failed = "FAILED"
        /// Nobody can tell.
        case unknown = "UNKNOWN"
    }

    /// Position from 0 within its phase.
    package var index: Int
    /// Plan or rollback.
    package var phase: Phase
    /// How far the step is.
    package var state: State
    /// What happened, for a person.
    package var detail: String
    /// When the intent was written.
    package var started: Timestamp
    /// When the result was known.
    package var finished: Timestamp?
    /// Path of the object that was changed; empty for actions outside Kubernetes.
    package var object: String
    /// Generation of the object afterwards; 0 for kinds that do not count it.
    package var generation: Int64
    /// Digest of the touched fields afterwards; empty when they are not known.
    package var digest: String

    package init(
        index: Int, phase: Phase, state: State, detail: String, started: Timestamp, finished: Timestamp?,
        object: String = "", generation: Int64 = 0, digest: String = ""
    ) {
        self.index = index
        self.phase = phase
        self.state = state
        self.detail = detail
        self.started = started
        self.finished = finished
        self.object = object
        self.generation = generation
        self.digest = digest
    }
}
