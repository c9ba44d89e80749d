import Authority
import Bus
import Foundation
import Model

/// The policy: `policy.yaml`.
package enum PolicyFile {
    /// Reads the policy; its hash is over the bytes of the file.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    package static func read(_ document: YAMLDocument, digest: any Digest) throws(SettingsError) -> Policy {
        let root = document.root
        try root.allow([
            "namespaces", "denied_namespaces", "critical_namespaces", "actions", "auto_actions", "approvers",
            "delegates", "planners", "quorum", "critical_quorum", "floors", "plan_lifetime_seconds",
            "executions_per_target_and_hour",
        ])
        func set(_ key: String) throws(SettingsError) -> Set<String> { Set(try root[key]?.strings() ?? []) }
        func actions(_ key: String) throws(SettingsError) -> Set<ActionType> {
            var types: Set<ActionType> = []
            for value in try root[key]?.list() ?? [] { types.insert(try value.name()) }
            return types
        }
        var floors: [ActionType: Double] = [:]
        if let value = root["floors"] {
            try value.allow(ActionType.allCases.map(\.rawValue))
            for type in ActionType.allCases { floors[type] = try value[type.rawValue]?.double(in: 0...1) }
        }
        var approvers: [Policy.Approver] = []
        for value in try root["approvers"]?.list() ?? [] {
            let approver = try approver(value)
            guard !approvers.contains(where: { $0.name == approver.name }) else {
                throw value.error("the approver '\(approver.name)' is listed twice")
            }
            approvers.append(approver)
        }
        return Policy(
            hash: digest.sha256(document.bytes), namespaces: try set("namespaces"),
            deniedNamespaces: root["denied_namespaces"] == nil ? ["kube-system"] : try set("denied_namespaces"),
            actions: try actions("actions"), autoActions: try actions("auto_actions"), approvers: approvers,
            delegates: try keys(root["delegates"]), planners: try keys(root["planners"]),
            quorum: try root["quorum"]?.int(in: 1...10) ?? 1,
            criticalQuorum: try root["critical_quorum"]?.int(in: 1...10) ?? 2,
            criticalNamespaces: try set("critical_namespaces"), floors: floors,
            planLifetimeSeconds: try root["plan_lifetime_seconds"]?.int(in: 60...86_400) ?? 900,
            executionsPerTargetAndHour: try root["executions_per_target_and_hour"]?.int(in: 1...1_000) ?? 3)
    }

    private static func approver(_ value: YAMLDocument.Value) throws(SettingsError) -> Policy.Approver {
        try value.allow(["name", "roles", "keys"])
        return Policy.Approver(
            name: try value.required("name").string(), roles: Set(try value.required("roles").strings()),
            keys: try keys(value["keys"]))
    }

    private static func keys(_ value: YAMLDocument.Value?) throws(SettingsError) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        for element in try value?.list() ?? [] {
            guard let data = Data(base64Encoded: try element.string()), data.count == 32 else {
                throw element.error(
                    "not a public key", valid: "32 bytes in base 64, as 'sre-approver keygen' prints them")
            }
            keys.append(Array(data))
        }
        return keys
    }
}
