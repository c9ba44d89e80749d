import Model

/// Who may decide and what may be done; read from a mounted file, never from Redis.
package struct Policy: Sendable, Equatable {
    /// A person as the Kubernetes API knows one.
    package struct ClusterUser: Sendable, Equatable {
        package var name: String
        package var groups: [String]

        package init(name: String, groups: [String] = []) {
            self.name = name
            self.groups = groups
        }
    }

    /// A person who may decide.
    package struct Approver: Sendable, Equatable {
        /// Name, such as `john@example.com`.
        package var name: String
        /// Roles, such as `approver`.
        package var roles: Set<String>
        /// Ed25519 public keys, 32 bytes each.
        package var keys: [[UInt8]]
        /// Who the person is in the cluster: what the person approves must be within these rights; `nil`: not asked.
        package var clusterUser: ClusterUser?

        package init(name: String, roles: Set<String>, keys: [[UInt8]], clusterUser: ClusterUser? = nil) {
            self.name = name
            self.roles = roles
            self.keys = keys
            self.clusterUser = clusterUser
        }
    }

    /// SHA-256 of the file, lower-case hex.
    package var hash: String
    /// Namespaces in which the agent may act at all.
    package var namespaces: Set<String>
    /// Namespaces in which it never acts, whatever else is said.
    package var deniedNamespaces: Set<String>
    /// Workloads that it never acts on, whatever else is said.
    package var deniedTargets: [TargetPattern]
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
    /// Keys that count no more, whoever they belonged to, 32 bytes each.
    package var revokedKeys: [[UInt8]]
    /// People needed for a plan in the bands AUTO and SEMI_AUTO; at least 1.
    package var quorum: Int
    /// People needed for a plan that acts on a namespace in ``criticalNamespaces``.
    package var criticalQuorum: Int
    /// People needed for a plan with an action of this type.
    package var actionQuorum: [ActionType: Int]
    /// Namespaces whose plans need ``criticalQuorum`` people.
    package var criticalNamespaces: Set<String>
    /// Whether a plan in the band MANUAL may be started when ``manualQuorum`` people sign with their own keys.
    package var isManualAssisted: Bool
    /// People needed for an assisted plan in the band MANUAL; at least 2.
    package var manualQuorum: Int
    /// Lowest risk score by action; 0 where none is given.
    package var floors: [ActionType: Double]
    /// Lowest risk scores by workload and action.
    package var targetFloors: [TargetFloor]
    /// Weights of the risk factors by name; they add up to 1.
    package var riskWeights: [String: Double]
    /// Times in which nothing is started.
    package var freezeWindows: [TimeWindow]
    /// Times in which people are at hand; empty: always.
    package var staffedHours: [TimeWindow]
    /// How often, and how much at once.
    package var budgets: Budgets
    /// What autonomy must have been earned by.
    package var autonomy: Autonomy
    /// Seconds from proposal to expiry, 60...86,400.
    package var planLifetimeSeconds: Int

    /// Plans with this risk or more are never started by the agent; at most 0.8, where the band MANUAL begins.
    package var manualFrom: Double = 0.8

    package init(
        hash: String, namespaces: Set<String> = [], deniedNamespaces: Set<String> = ["kube-system"],
        deniedTargets: [TargetPattern] = [], actions: Set<ActionType> = [], autoActions: Set<ActionType> = [],
        approvers: [Approver] = [], delegates: [[UInt8]] = [], planners: [[UInt8]] = [], revokedKeys: [[UInt8]] = [],
        quorum: Int = 1, criticalQuorum: Int = 2, actionQuorum: [ActionType: Int] = [:],
        criticalNamespaces: Set<String> = [], isManualAssisted: Bool = false, manualQuorum: Int = 2,
        floors: [ActionType: Double] = [:], targetFloors: [TargetFloor] = [],
        riskWeights: [String: Double] = Policy.defaultRiskWeights, freezeWindows: [TimeWindow] = [],
        staffedHours: [TimeWindow] = [], budgets: Budgets = Budgets(), autonomy: Autonomy = Autonomy(),
        planLifetimeSeconds: Int = 900
    ) {
        self.hash = hash
        self.namespaces = namespaces
        self.deniedNamespaces = deniedNamespaces
        self.deniedTargets = deniedTargets
        self.actions = actions
        self.autoActions = autoActions
        self.approvers = approvers
        self.delegates = delegates
        self.planners = planners
        self.revokedKeys = revokedKeys
        self.quorum = max(1, quorum)
        self.criticalQuorum = max(1, criticalQuorum)
        self.actionQuorum = actionQuorum
        self.criticalNamespaces = criticalNamespaces
        self.isManualAssisted = isManualAssisted
        self.manualQuorum = max(2, manualQuorum)
        self.floors = floors
        self.targetFloors = targetFloors
        self.riskWeights = riskWeights
        self.freezeWindows = freezeWindows
        self.staffedHours = staffedHours
        self.budgets = budgets
        self.autonomy = autonomy
        self.planLifetimeSeconds = min(86_400, max(60, planLifetimeSeconds))
    }

    /// Weights of the risk factors where the policy gives none.
    package static let defaultRiskWeights: [String: Double] = [
        "criticality": 0.15, "blast-radius": 0.2, "irreversibility": 0.15, "uncertainty": 0.2, "recent-changes": 0.1,
        "timing": 0.05, "track-record": 0.15,
    ]

    // MARK: Questions

    /// Lowest risk score that actions and target allow; 1 for a manual step.
    ///
    /// Labels are those of the target object; a floor that asks for labels applies when they are not known.
    package func floor(of steps: [Step], on target: Entity, labels: [String: String]? = nil) -> Double {
        let types = Set(steps.map(\.action.type))
        let byAction = types.map { $0 == .manual ? 1 : floors[$0] ?? 0 }
        let byTarget = targetFloors.filter { $0.applies(to: target, labels: labels, actions: types) }.map(\.floor)
        return (byAction + byTarget).max() ?? 0
    }

    /// Why the agent may not carry out these steps on this target; `nil` when it may.
    package func objection(to steps: [Step], on target: Entity) -> String? {
        if deniedNamespaces.contains(target.namespace) {
            return "the namespace \(target.namespace) is on the deny list of the policy"
        }
        if let pattern = deniedTargets.first(where: { $0.matches(target) }) {
            return "the workload is on the deny list of the policy (\(pattern))"
        }
        if !namespaces.contains(target.namespace) {
            return "the namespace \(target.namespace) is not opted in by the policy"
        }
        for step in steps where !actions.contains(step.action.type) && !step.action.type.isNotice {
            return "the action \(step.action.type.rawValue) is not allowed by the policy"
        }
        return steps.lazy.compactMap { objection(toReachOf: $0.action, from: target) }.first
    }

    /// Why the objects that an action changes may not be changed; `nil` when they may.
    ///
    /// A plan's target says little when its steps name other objects: each of them is judged like a target.
    private func objection(toReachOf action: Action, from target: Entity) -> String? {
        let objects: [Entity]
        do {
            objects = try Reach.objects(of: action, target)
        } catch {
            return error.reason
        }
        if action.type == .restartPod, objects.count > 1 {
            return "\(action.type.rawValue) is for one pod, not for \(objects.count)"
        }
        for object in objects {
            let name = "\(object.kind) \(object.namespace)/\(object.name)"
            if deniedNamespaces.contains(object.namespace) {
                return "\(name) is in a namespace on the deny list of the policy"
            }
            if let pattern = deniedTargets.first(where: { $0.matches(object) }) {
                return "\(name) is on the deny list of the policy (\(pattern))"
            }
            guard action.type == .drain || object.namespace == target.namespace else {
                return "\(name) is not in the namespace \(target.namespace) of the target"
            }
            guard namespaces.contains(object.namespace) else {
                return "\(name) is in a namespace that the policy has not opted in"
            }
        }
        return nil
    }

    /// People needed for a plan, and why so many.
    package func quorum(for target: Entity, steps: [Step], band: RiskBand) -> (people: Int, reasons: [String]) {
        var needs = [(quorum, "the policy's quorum is \(quorum)")]
        if criticalNamespaces.contains(target.namespace) {
            needs.append((criticalQuorum, "\(target.namespace) is critical: \(criticalQuorum)"))
        }
        for type in Set(steps.map(\.action.type)).sorted(by: { $0.rawValue < $1.rawValue }) {
            if let number = actionQuorum[type] { needs.append((number, "\(type.rawValue): \(number)")) }
        }
        if band == .manual { needs.append((manualQuorum, "the risk is MANUAL: \(manualQuorum) with their own keys")) }
        return (needs.map(\.0).max() ?? 1, needs.map(\.1))
    }

    /// Whether a plan may run without approval.
    package func allowsAuto(_ steps: [Step], band: RiskBand, autoRemediationEnabled: Bool) -> Bool {
        autoRemediationEnabled && band == .auto
            && steps.allSatisfy { autoActions.contains($0.action.type) || $0.action.type.isNotice }
    }

    /// The window in which nothing is started now; `nil` when there is none.
    package func freeze(at time: Timestamp) -> TimeWindow? { freezeWindows.first { $0.contains(time) } }

    /// Whether people are at hand.
    package func isStaffed(at time: Timestamp) -> Bool {
        staffedHours.isEmpty || staffedHours.contains { $0.contains(time) }
    }
}

/// How often the agent may act, and on how much at once.
package struct Budgets: Sendable, Equatable {
    /// Executions of one target within an hour before the agent stops acting on it.
    package var perTargetAndHour: Int
    /// Executions within one namespace and hour.
    package var perNamespaceAndHour: Int
    /// Executions at the same time within one namespace.
    package var concurrent: Int
    /// Share of a workload's replicas that may be touched at once, in (0,1]; one is always allowed.
    package var replicaShare: Double
    /// Executions within one namespace and hour that one person may have approved: what a stolen key can do.
    package var perApproverAndHour: Int

    package init(
        perTargetAndHour: Int = 3, perNamespaceAndHour: Int = 10, concurrent: Int = 3, replicaShare: Double = 0.34,
        perApproverAndHour: Int = 10
    ) {
        self.perTargetAndHour = perTargetAndHour
        self.perNamespaceAndHour = perNamespaceAndHour
        self.concurrent = concurrent
        self.replicaShare = replicaShare
        self.perApproverAndHour = perApproverAndHour
    }

    /// Replicas of so many that may be touched at once.
    package func replicas(of total: Int) -> Int { max(1, Int((Double(max(0, total)) * replicaShare).rounded(.down))) }
}

/// What makes the agent trust itself with an action on a class of workloads.
package struct Autonomy: Sendable, Equatable {
    /// Verified executions in a row since the last failure; 0: need not be earned.
    package var executions: Int
    /// Lower bound of the success probability (Wilson, 95 %) since the last failure, in [0,1].
    package var lowerBound: Double

    package init(executions: Int = 0, lowerBound: Double = 0) {
        self.executions = executions
        self.lowerBound = lowerBound
    }
}
