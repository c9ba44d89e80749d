import Authority
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
    /// The step in one line, for a person.
    package var description: String
    /// Incident that the plan repairs.
    package var incidentID: String
    /// Term of the leader that carries it out.
    package var term: Int64
    /// How the last own step on the same object left it; `nil` when the plan's pin holds.
    package var left: ObjectState?

    package init(
        planHash: String, planID: String, phase: StepResult.Phase, index: Int, action: Action, target: Entity,
        timeoutSeconds: Int, description: String = "", incidentID: String = "", term: Int64 = 0,
        left: ObjectState? = nil
    ) {
        self.planHash = planHash
        self.planID = planID
        self.phase = phase
        self.index = index
        self.action = action
        self.target = target
        self.timeoutSeconds = timeoutSeconds
        self.description = description
        self.incidentID = incidentID
        self.term = term
        self.left = left
    }

    /// The same for every attempt at this step of this plan, and for no other: `<16 hex of the hash>-<phase>-<index>`.
    package var operationID: String { "\(planHash.prefix(16))-\(phase.rawValue)-\(index)" }
}

/// What tells whether an object is still as somebody left it.
package struct ObjectState: Sendable, Equatable {
    /// Generation; 0 for kinds that do not count it.
    package var generation: Int64
    /// Digest of the touched fields.
    package var digest: String

    package init(generation: Int64, digest: String) {
        self.generation = generation
        self.digest = digest
    }
}

/// A change that was carried out.
package struct AppliedChange: Sendable, Equatable {
    /// What changed, for a person.
    package var detail: String
    /// Path of the object; empty for actions outside Kubernetes.
    package var object: String
    /// The object afterwards.
    package var state: ObjectState
    /// Whether the controllers carried it out within the step's time.
    package var isSettled: Bool

    package init(
        _ detail: String, object: String = "", state: ObjectState = .init(generation: 0, digest: ""),
        isSettled: Bool = true
    ) {
        self.detail = detail
        self.object = object
        self.state = state
        self.isSettled = isSettled
    }
}

/// Says why nothing may be changed now, `nil` when it may; asked before each request that changes something.
package typealias Brake = @Sendable () async -> String?

/// Whether an action could be carried out now.
package enum Preparation: Sendable, Equatable {
    /// It could; the detail says what would change, the backup how the object is before that.
    case ready(String, backup: Backup? = nil)
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
    case applied(AppliedChange)
    /// It was carried out before.
    case adopted(AppliedChange)
    /// Certainly not carried out.
    case refused(String)
    /// Certainly not carried out, because the target changed.
    case stale(String)
    /// It may or may not have been carried out.
    case unknown(String)
}

/// What a second look at a target shows about an action whose outcome is not known.
package enum Inspection: Sendable, Equatable {
    /// It was carried out, and nobody changed the target since.
    case applied(AppliedChange)
    /// It was not: the target is as before.
    case untouched
    /// Nobody can tell.
    case unclear(String)
}

/// Something that actions are carried out on.
package protocol ActionTarget: Sendable {
    /// Types of action that it carries out.
    var types: Set<ActionType> { get }

    /// Labels of a workload as they are now; empty where there are none.
    ///
    /// - Throws: when nobody can tell.
    func labels(of target: Entity) async throws -> [String: String]

    /// Why a person has not the rights that the action takes; `nil` when the person has, or where nobody asks.
    ///
    /// - Throws: when nobody can tell.
    func objection(to person: Policy.ClusterUser, carryingOut action: Action, on target: Entity) async throws -> String?

    /// Checks parameters and preconditions without an effect, such as by a server-side dry run.
    func prepare(_ request: ActionRequest) async -> Preparation

    /// Carries the action out, at most once for an operation id.
    func perform(_ request: ActionRequest, brake: @escaping Brake) async -> ActionResult

    /// Finds out whether the action was carried out.
    func inspect(_ request: ActionRequest) async -> Inspection
}

extension ActionTarget {
    package func labels(of target: Entity) async throws -> [String: String] { [:] }

    package func objection(
        to person: Policy.ClusterUser, carryingOut action: Action, on target: Entity
    ) async throws -> String? { nil }
}

/// Reads the newest value of a series for verification.
package protocol MetricReader: Sendable {
    /// The newest value; `nil` when the series has none.
    func current(_ series: SeriesID) async throws -> SamplePoint?
}
