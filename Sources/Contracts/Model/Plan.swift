/// What will be done, exactly; immutable once proposed.
package struct Plan: Sendable, Equatable {
    /// Incident that the plan repairs.
    package var incidentID: String
    /// Revision of the incident that the plan was made for.
    package var incidentRevision: Int64
    /// Workload that the plan acts on.
    package var target: Entity
    /// Name of the runbook.
    package var runbook: String
    /// One line for a person.
    package var title: String
    /// Reasons for a person, in order.
    package var why: [String]
    /// When the plan was made.
    package var created: Timestamp
    /// Until when it may be approved and started.
    package var expires: Timestamp
    /// Assessed risk.
    package var risk: RiskAssessment
    /// Steps in order.
    package var steps: [Step]
    /// Steps in order that undo the plan when verification fails; may be empty.
    package var rollback: [Step]
    /// Condition that makes the repair a success.
    package var verification: Verification
    /// Distinct people who must approve; 0 for AUTO.
    package var quorum: Int
    /// SHA-256 of the policy that the plan was made under, lower-case hex.
    package var policyHash: String
    /// Identity that asked for the plan; never an approver of it.
    package var requester: String
    /// What the plan touches, as far as it was known when the plan was made.
    package var impact: Impact
    /// Further conditions that must hold beside ``verification``.
    package var guards: [Verification]

    package init(
        incidentID: String, incidentRevision: Int64, target: Entity, runbook: String, title: String, why: [String],
        created: Timestamp, expires: Timestamp, risk: RiskAssessment, steps: [Step], rollback: [Step],
        verification: Verification, quorum: Int, policyHash: String, requester: String, impact: Impact = Impact(),
        guards: [Verification] = []
    ) {
        self.incidentID = incidentID
        self.incidentRevision = incidentRevision
        self.target = target
        self.runbook = runbook
        self.title = title
        self.why = why
        self.created = created
        self.expires = expires
        self.risk = risk
        self.steps = steps
        self.rollback = rollback
        self.verification = verification
        self.quorum = quorum
        self.policyHash = policyHash
        self.requester = requester
        self.impact = impact
        self.guards = guards
    }
}

/// One step of a plan.
package struct Step: Sendable, Equatable {
    /// Position from 0.
    package var index: Int
    /// One line for a person.
    package var description: String
    /// What is done.
    package var action: Action
    /// Seconds until the step counts as failed, at least 1.
    package var timeoutSeconds: Int

    package init(index: Int, description: String, action: Action, timeoutSeconds: Int) {
        self.index = index
        self.description = description
        self.action = action
        self.timeoutSeconds = timeoutSeconds
    }
}

/// A typed action with its parameters; everything that is applied is in here.
package struct Action: Sendable, Equatable {
    /// Type from the closed catalogue.
    package var type: ActionType
    /// Parameters by name; which ones a type takes is fixed by its target.
    package var parameters: [String: String]
    /// The object as the plan found it; `nil` for actions outside Kubernetes.
    package var pin: Pin?

    package init(type: ActionType, parameters: [String: String] = [:], pin: Pin? = nil) {
        self.type = type
        self.parameters = parameters
        self.pin = pin
    }
}

/// The state of an object that an action was planned for.
package struct Pin: Sendable, Equatable {
    /// Path of the object in the API, such as `/apis/apps/v1/namespaces/shop/deployments/web`.
    package var object: String
    /// Unique id of the object.
    package var uid: String
    /// Generation; 0 for kinds that do not count it, and for objects that an earlier step of the plan changes.
    package var generation: Int64
    /// SHA-256 of the canonical JSON of the fields that the action touches, lower-case hex.
    package var digest: String

    package init(object: String, uid: String, generation: Int64, digest: String) {
        self.object = object
        self.uid = uid
        self.generation = generation
        self.digest = digest
    }
}

/// The closed catalogue of actions.
package enum ActionType: String, Sendable, CaseIterable {
    case restartPod = "kubernetes.restart-pod"
    case rolloutRestart = "kubernetes.rollout-restart"
    case scale = "kubernetes.scale"
    case rollbackRevision = "kubernetes.rollback"
    case rollbackConfig = "kubernetes.config-rollback"
    case shiftTraffic = "kubernetes.traffic-shift"
    case cordon = "kubernetes.cordon"
    case uncordon = "kubernetes.uncordon"
    case drain = "kubernetes.drain"
    case runCommand = "command.run"
    case openTicket = "ticket.open"
    case notify = "notify.send"
    case manual = "manual.step"

    /// Whether the action is carried out through the Kubernetes API.
    package var isKubernetes: Bool { rawValue.hasPrefix("kubernetes.") }

    /// Whether the action only tells people something: it needs no permission, because it changes nothing.
    package var isNotice: Bool { self == .openTicket || self == .notify }
}

/// The condition that makes a repair a success.
package struct Verification: Sendable, Equatable {
    /// Series that is read again.
    package var series: SeriesID
    /// Smallest good value; `nil` when the side is open.
    package var lower: Double?
    /// Largest good value; `nil` when the side is open.
    package var upper: Double?
    /// Consecutive good scrapes that are needed, at least 1.
    package var scrapes: Int
    /// Seconds between two scrapes.
    package var intervalSeconds: Int
    /// Seconds after the last step until verification fails.
    package var timeoutSeconds: Int

    package init(
        series: SeriesID, lower: Double?, upper: Double?, scrapes: Int, intervalSeconds: Int, timeoutSeconds: Int
    ) {
        self.series = series
        self.lower = lower
        self.upper = upper
        self.scrapes = scrapes
        self.intervalSeconds = intervalSeconds
        self.timeoutSeconds = timeoutSeconds
    }

    /// Whether a value is good; a value that is not finite never is.
    package func accepts(_ value: Double) -> Bool {
        guard value.isFinite else { return false }
        if let lower, value < lower { return false }
        if let upper, value > upper { return false }
        return true
    }
}
