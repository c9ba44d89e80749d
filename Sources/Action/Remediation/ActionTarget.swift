import Model

/// One action of a plan, as a target gets it.
///
/// Every value comes from the approved plan.
package struct ActionRequest: Sendable, Equatable {
    /// Hash of the plan.
    package var planHash: String
    /// Id of the plan.
    package var planID: String
    /// Plan or rollback.
    package var phase: StepResult.Phase
    /// Position of the step within its phase.
    package var index: Int
    /// What is done.
    package var action: Action
    /// Workload that it is done to.
    package var target: Entity
    /// Seconds until the action counts as unanswered.
    package var timeoutSeconds: Int

    package init(
        planHash: String, planID: String, phase: StepResult.Phase, index: Int, action: Action, target: Entity,
        timeoutSeconds: Int
    ) {
        self.planHash = planHash
        self.planID = planID
        self.phase = phase
        self.index = index
        self.action = action
        self.target = target
        self.timeoutSeconds = timeoutSeconds
    }

    /// The same for every attempt at this step of this plan, and for no other: `<16 hex of the hash>-<phase>-<index>`.
    package var operationID: String { "\(planHash.prefix(16))-\(phase.rawValue)-\(index)" }
}

/// Whether an action could be carried out now.
package enum Preparation: Sendable, Equatable {
    /// It could; the detail says what would change.
    case ready(String)
    /// It never will.
    case refused(String)
    /// The target is not what the plan was made for.
    case stale(String)
    /// Nobody can tell now; asked again later.
    case unavailable(String)
}

/// What became of an action.
package enum ActionResult: Sendable, Equatable {
    /// Carried out.
    case applied(String)
    /// It was carried out before.
    case adopted(String)
    /// Certainly not carried out.
    case refused(String)
    /// Certainly not carried out, because the target changed.
    case stale(String)
    /// It may or may not have been carried out.
    case unknown(String)
}

/// What a second look at a target shows about an action whose outcome is not known.
package enum Inspection: Sendable, Equatable {
    /// It was carried out.
    case applied(String)
    /// It was not: the target is as before.
    case untouched
    /// Nobody can tell.
    case unclear(String)
}

/// Something that actions are carried out on.
package protocol ActionTarget: Sendable {
    /// Types of action that it carries out.
    var types: Set<ActionType> { get }

    /// Checks parameters and preconditions without an effect, such as by a server-side dry run.
    func prepare(_ request: ActionRequest) async -> Preparation

    /// Carries the action out, at most once for an operation id.
    func perform(_ request: ActionRequest) async -> ActionResult

    /// Finds out whether the action was carried out.
    func inspect(_ request: ActionRequest) async -> Inspection
}

/// Reads the newest value of a series for verification.
package protocol MetricReader: Sendable {
    /// The newest value; `nil` when the series has none.
    func current(_ series: SeriesID) async throws -> SamplePoint?
}
