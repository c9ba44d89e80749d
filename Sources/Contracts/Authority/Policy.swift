import Model

/// Who may decide and what may be done; read from a mounted file, never from Redis.
package struct Policy: Sendable, Equatable {
    /// A person who may decide.
    package struct Approver: Sendable, Equatable {
        /// Name, such as `john@example.com`.
        package var name: String
        /// Roles, such as `approver`.
        package var roles: Set<String>
        /// Ed25519 public keys, 32 bytes each.
        package var keys: [[UInt8]]

        package init(name: String, roles: Set<String>, keys: [[UInt8]]) {
            self.name = name
            self.roles = roles
            self.keys = keys
        }
    }

    /// SHA-256 of the file, lower-case hex.
    package var hash: String
    /// Namespaces in which the agent may act at all.
    package var namespaces: Set<String>
    /// Namespaces in which it never acts, whatever else is said.
    package var deniedNamespaces: Set<String>
    /// Actions that may be part of an executed plan.
    package var actions: Set<ActionType>
    /// Actions that may run without approval when the risk band is AUTO and auto-remediation is on.
    package var autoActions: Set<ActionType>
    /// People who may decide.
    package var approvers: [Approver]
    /// Keys of gateways that speak for people they have authenticated, 32 bytes each.
    package var delegates: [[UInt8]]
    /// Keys of planners, 32 bytes each.
    package var planners: [[UInt8]]
    /// People needed for a plan in the band SEMI_AUTO; at least 1.
    package var quorum: Int
    /// People needed for a plan that cannot be undone, or acts on a namespace in ``criticalNamespaces``.
    package var criticalQuorum: Int
    /// Namespaces whose plans need ``criticalQuorum`` people.
    package var criticalNamespaces: Set<String>
    /// Lowest risk score by action; 0 where none is given.
    package var floors: [ActionType: Double]
    /// Seconds from proposal to expiry, 60...86,400.
    package var planLifetimeSeconds: Int
    /// Executions of one target within an hour before the agent stops acting on it.
    package var executionsPerTargetAndHour: Int

    /// Plans with this risk or more are never started by the agent; at most 0.8, where the band MANUAL begins.
    package var manualFrom: Double = 0.8

    package init(
        hash: String, namespaces: Set<String> = [], deniedNamespaces: Set<String> = ["kube-system"],
        actions: Set<ActionType> = [], autoActions: Set<ActionType> = [], approvers: [Approver] = [],
        delegates: [[UInt8]] = [], planners: [[UInt8]] = [], quorum: Int = 1, criticalQuorum: Int = 2,
        criticalNamespaces: Set<String> = [], floors: [ActionType: Double] = [:], planLifetimeSeconds: Int = 900,
        executionsPerTargetAndHour: Int = 3
    ) {
        self.hash = hash
        self.namespaces = namespaces
        self.deniedNamespaces = deniedNamespaces
        self.actions = actions
        self.autoActions = autoActions
        self.approvers = approvers
        self.delegates = delegates
        self.planners = planners
        self.quorum = max(1, quorum)
        self.criticalQuorum = max(1, criticalQuorum)
        self.criticalNamespaces = criticalNamespaces
        self.floors = floors
        self.planLifetimeSeconds = min(86_400, max(60, planLifetimeSeconds))
        self.executionsPerTargetAndHour = executionsPerTargetAndHour
    }

    /// Lowest risk score that the actions allow; 1 for a manual step.
    package func floor(of steps: [Step]) -> Double {
        steps.map { $0.action.type == .manual ? 1 : floors[$0.action.type] ?? 0 }.max() ?? 0
    }

    /// Why the agent may not carry out these steps on this target; `nil` when it may.
    package func objection(to steps: [Step], on target: Entity) -> String? {
        if deniedNamespaces.contains(target.namespace) {
            return "the namespace \(target.namespace) is on the deny list of the policy"
        }
        if !namespaces.contains(target.namespace) {
            return "the namespace \(target.namespace) is not opted in by the policy"
        }
        for step in steps where !actions.contains(step.action.type) {
            return "the action \(step.action.type.rawValue) is not allowed by the policy"
        }
        return nil
    }

    /// People needed for a plan in the bands AUTO and SEMI_AUTO.
    package func quorum(for target: Entity) -> Int {
        criticalNamespaces.contains(target.namespace) ? criticalQuorum : quorum
    }

    /// Whether a plan may run without approval.
    package func allowsAuto(_ steps: [Step], band: RiskBand, autoRemediationEnabled: Bool) -> Bool {
        autoRemediationEnabled && band == .auto && steps.allSatisfy { autoActions.contains($0.action.type) }
    }
}
