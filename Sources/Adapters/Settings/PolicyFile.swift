import Authority
import Bus
import Foundation
import Model

/// The policy: `policy.yaml`.
package enum PolicyFile {
    private static let keys = [
        "namespaces", "denied_namespaces", "denied_targets", "critical_namespaces", "actions", "auto_actions",
        "approvers", "delegates", "planners", "revoked_keys", "quorum", "critical_quorum", "action_quorum",
        "manual_assisted", "manual_quorum", "floors", "target_floors", "risk_weights", "freeze_windows",
        "staffed_hours", "budgets", "autonomy", "plan_lifetime_seconds",
    ]

    /// Reads the policy; its hash is over the bytes of the file.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    package static func read(_ document: YAMLDocument, digest: any Digest) throws(SettingsError) -> Policy {
        let root = document.root
        try root.allow(keys)
        func set(_ key: String) throws(SettingsError) -> Set<String> { Set(try root[key]?.strings() ?? []) }
        var policy = Policy(
            hash: digest.sha256(document.bytes), namespaces: try set("namespaces"),
            deniedNamespaces: root["denied_namespaces"] == nil ? ["kube-system"] : try set("denied_namespaces"),
            actions: try actions(root["actions"]), autoActions: try actions(root["auto_actions"]),
            approvers: try approvers(root["approvers"]), delegates: try publicKeys(root["delegates"]),
            planners: try publicKeys(root["planners"]), revokedKeys: try publicKeys(root["revoked_keys"]),
            quorum: try root["quorum"]?.int(in: 1...10) ?? 1,
            criticalQuorum: try root["critical_quorum"]?.int(in: 1...10) ?? 2,
            criticalNamespaces: try set("critical_namespaces"),
            isManualAssisted: try flag(root["manual_assisted"]),
            manualQuorum: try root["manual_quorum"]?.int(in: 2...10) ?? 2,
            planLifetimeSeconds: try root["plan_lifetime_seconds"]?.int(in: 60...86_400) ?? 900)
        policy.deniedTargets = try patterns(root["denied_targets"])
        policy.actionQuorum = try byAction(root["action_quorum"]) { value throws(SettingsError) in
            try value.int(in: 1...10)
        }
        policy.floors = try byAction(root["floors"]) { value throws(SettingsError) in try value.double(in: 0...1) }
        policy.targetFloors = try targetFloors(root["target_floors"])
        policy.riskWeights = try weights(root["risk_weights"])
        policy.freezeWindows = try TimeWindows.read(root["freeze_windows"])
        policy.staffedHours = try TimeWindows.read(root["staffed_hours"])
        policy.budgets = try budgets(root["budgets"])
        policy.autonomy = try autonomy(root["autonomy"])
        try checkOwners(policy, root)
        return policy
    }

    /// A key that two kinds of owners share would let one speak as the other.
    private static func checkOwners(_ policy: Policy, _ root: YAMLDocument.Value) throws(SettingsError) {
        for (name, keys) in [("delegates", policy.delegates), ("planners", policy.planners)] {
            for approver in policy.approvers where !Set(approver.keys).isDisjoint(with: keys) {
                throw try root.required(name).error(
                    "a key belongs to '\(approver.name)' as well", valid: "keys that nobody else has")
            }
        }
        if !Set(policy.delegates).isDisjoint(with: policy.planners) {
            throw try root.required("planners").error(
                "a key belongs to a gateway as well", valid: "keys that nobody else has")
        }
    }

    private static func flag(_ value: YAMLDocument.Value?) throws(SettingsError) -> Bool {
        guard let value else { return false }
        let text = try value.string()
        guard ["true", "false"].contains(text) else {
            throw value.error("'\(text)' is not valid", valid: "true or false")
        }
        return text == "true"
    }

    private static func actions(_ value: YAMLDocument.Value?) throws(SettingsError) -> Set<ActionType> {
        var types: Set<ActionType> = []
        for element in try value?.list() ?? [] { types.insert(try element.name()) }
        return types
    }

    private static func byAction<Result>(
        _ value: YAMLDocument.Value?, _ read: (YAMLDocument.Value) throws(SettingsError) -> Result
    ) throws(SettingsError) -> [ActionType: Result] {
        guard let value else { return [:] }
        try value.allow(ActionType.allCases.map(\.rawValue))
        var results: [ActionType: Result] = [:]
        for type in ActionType.allCases {
            if let inner = value[type.rawValue] { results[type] = try read(inner) }
        }
        return results
    }

    private static func patterns(_ value: YAMLDocument.Value?) throws(SettingsError) -> [TargetPattern] {
        var patterns: [TargetPattern] = []
        for element in try value?.list() ?? [] { patterns.append(try pattern(element)) }
        return patterns
    }

    private static func pattern(_ value: YAMLDocument.Value) throws(SettingsError) -> TargetPattern {
        let text = try value.string()
        guard let pattern = TargetPattern(text) else {
            throw value.error(
                "'\(text)' is not a pattern", valid: "namespace/kind/name with * for any text, such as */*/*postgres*")
        }
        return pattern
    }

    private static func targetFloors(_ value: YAMLDocument.Value?) throws(SettingsError) -> [TargetFloor] {
        var floors: [TargetFloor] = []
        for element in try value?.list() ?? [] {
            try element.allow(["match", "labels", "actions", "floor"])
            floors.append(
                TargetFloor(
                    pattern: try pattern(try element.required("match")), labels: try element["labels"]?.texts() ?? [:],
                    actions: try actions(element["actions"]),
                    floor: try element.required("floor").double(in: 0...1)))
        }
        return floors
    }

    private static func weights(_ value: YAMLDocument.Value?) throws(SettingsError) -> [String: Double] {
        guard let value else { return Policy.defaultRiskWeights }
        let names = Policy.defaultRiskWeights.keys.sorted()
        try value.allow(names)
        var weights: [String: Double] = [:]
        for name in names { weights[name] = try value.required(name).double(in: 0...1) }
        guard abs(weights.values.reduce(0, +) - 1) < 1e-6 else {
            throw value.error("the weights add up to \(weights.values.reduce(0, +))", valid: "a sum of 1")
        }
        return weights
    }

    private static func budgets(_ value: YAMLDocument.Value?) throws(SettingsError) -> Budgets {
        guard let value else { return Budgets() }
        try value.allow([
            "per_target_and_hour", "per_namespace_and_hour", "per_approver_and_hour", "concurrent", "replica_share",
        ])
        let usual = Budgets()
        return Budgets(
            perTargetAndHour: try value["per_target_and_hour"]?.int(in: 1...1_000) ?? usual.perTargetAndHour,
            perNamespaceAndHour: try value["per_namespace_and_hour"]?.int(in: 1...1_000) ?? usual.perNamespaceAndHour,
            concurrent: try value["concurrent"]?.int(in: 1...1_000) ?? usual.concurrent,
            replicaShare: try value["replica_share"]?.double(in: 0.01...1) ?? usual.replicaShare,
            perApproverAndHour: try value["per_approver_and_hour"]?.int(in: 1...1_000) ?? usual.perApproverAndHour)
    }

    private static func autonomy(_ value: YAMLDocument.Value?) throws(SettingsError) -> Autonomy {
        // Autonomy is earned unless the policy says otherwise.
        guard let value else { return Autonomy(executions: 5, lowerBound: 0.5) }
        try value.allow(["executions", "lower_bound"])
        return Autonomy(
            executions: try value["executions"]?.int(in: 0...10_000) ?? 5,
            lowerBound: try value["lower_bound"]?.double(in: 0...0.999) ?? 0.5)
    }

    // MARK: People and keys

    private static let roles = ["approver", "break-glass", "viewer"]

    private static func approvers(_ value: YAMLDocument.Value?) throws(SettingsError) -> [Policy.Approver] {
        var approvers: [Policy.Approver] = []
        for element in try value?.list() ?? [] {
            let approver = try approver(element)
            guard !approvers.contains(where: { $0.name == approver.name }) else {
                throw element.error("the approver '\(approver.name)' is listed twice")
            }
            if let other = approvers.first(where: { !Set($0.keys).isDisjoint(with: approver.keys) }) {
                throw element.error("'\(approver.name)' and '\(other.name)' share a key, so they count as one person")
            }
            approvers.append(approver)
        }
        return approvers
    }

    private static func approver(_ value: YAMLDocument.Value) throws(SettingsError) -> Policy.Approver {
        try value.allow(["name", "roles", "keys", "kubernetes"])
        let name = try value.required("name")
        let text = try name.string()
        guard !text.hasPrefix("system:"), !text.hasPrefix("service:"), !text.hasPrefix("sre-") else {
            throw name.error("'\(text)' is a service", valid: "a person; services and agents never approve")
        }
        let roles = try value.required("roles").strings()
        if let unknown = roles.first(where: { !Self.roles.contains($0) }) {
            throw try value.required("roles").error(
                "the role '\(unknown)' is unknown", valid: Self.roles.joined(separator: ", "))
        }
        return Policy.Approver(
            name: text, roles: Set(roles), keys: try publicKeys(value["keys"]),
            clusterUser: try clusterUser(value["kubernetes"]))
    }

    private static func clusterUser(_ value: YAMLDocument.Value?) throws(SettingsError) -> Policy.ClusterUser? {
        guard let value else { return nil }
        try value.allow(["user", "groups"])
        return Policy.ClusterUser(
            name: try value.required("user").string(), groups: try value["groups"]?.strings() ?? [])
    }

    private static func publicKeys(_ value: YAMLDocument.Value?) throws(SettingsError) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        for element in try value?.list() ?? [] { keys.append(try publicKey(element)) }
        return keys
    }

    /// 32 bytes in base 64, or an `ssh-ed25519` line as OpenSSH writes it.
    private static func publicKey(_ value: YAMLDocument.Value) throws(SettingsError) -> [UInt8] {
        let text = try value.string()
        let words = text.split(separator: " ")
        if words.count >= 2, words[0] == "ssh-ed25519", let blob = Data(base64Encoded: String(words[1])),
            blob.count == 51, blob.dropFirst(4).starts(with: Data("ssh-ed25519".utf8))
        {
            return Array(blob.suffix(32))
        }
        guard let data = Data(base64Encoded: text), data.count == 32 else {
            throw value.error(
                "not a public key",
                valid: "32 bytes in base 64, as 'sre-approver keygen' prints them, or 'ssh-ed25519 …'")
        }
        return Array(data)
    }
}
