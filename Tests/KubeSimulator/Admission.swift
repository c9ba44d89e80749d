import Kubernetes

/// What the API server checks before it stores an object.
enum Admission {
    private static let common: Set<String> = ["apiVersion", "kind", "metadata", "spec", "status"]

    /// Members that a kind has besides the common ones.
    private static let top: [String: Set<String>] = [
        "ConfigMap": ["data", "binaryData", "immutable"], "Secret": ["data", "stringData", "type", "immutable"],
        "Role": ["rules"], "ClusterRole": ["rules", "aggregationRule"], "RoleBinding": ["subjects", "roleRef"],
        "ClusterRoleBinding": ["subjects", "roleRef"],
        "ServiceAccount": ["secrets", "imagePullSecrets", "automountServiceAccountToken"],
    ]

    private static let specifications: [String: Set<String>] = [
        "Deployment": [
            "replicas", "selector", "template", "strategy", "minReadySeconds", "revisionHistoryLimit", "paused",
            "progressDeadlineSeconds",
        ],
        "Lease": [
            "holderIdentity", "leaseDurationSeconds", "acquireTime", "renewTime", "leaseTransitions", "strategy",
            "preferredHolder",
        ],
        "HorizontalPodAutoscaler": ["scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior"],
        "PodDisruptionBudget": ["minAvailable", "maxUnavailable", "selector", "unhealthyPodEvictionPolicy"],
    ]

    private static let metadata: Set<String> = [
        "name", "generateName", "namespace", "labels", "annotations", "uid", "resourceVersion", "generation",
        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "finalizers",
        "managedFields", "selfLink",
    ]

    /// The first field that the kind does not have, as `fieldValidation=Strict` reports it.
    static func unknownField(_ object: JSONValue, _ type: ResourceType) -> String? {
        let known = common.union(top[type.kind] ?? [])
        let isOpen = ["Event", "Pod"].contains(type.kind)
        if !isOpen, let extra = object.members.keys.sorted().first(where: { !known.contains($0) }) { return extra }
        for key in (object["metadata"]?.members.keys ?? [:].keys).sorted() where !metadata.contains(key) {
            return "metadata.\(key)"
        }
        if let fields = specifications[type.kind] {
            for key in (object["spec"]?.members.keys ?? [:].keys).sorted() where !fields.contains(key) {
                return "spec.\(key)"
            }
        }
        return nil
    }

    /// Values and immutable fields.
    static func validate(_ object: JSONValue, before: JSONValue?, _ key: ObjectKey) throws(StatusError) {
        let spec = object["spec"] ?? [:]
        switch key.type.kind {
        case "Deployment", "ReplicaSet":
            guard let replicas = (spec["replicas"] ?? 1).integer, replicas >= 0 else {
                throw .invalid(key.type, key.name, "spec.replicas: must be greater than or equal to 0")
            }
            let labels = spec[path: ["template", "metadata", "labels"]]?.members ?? [:]
            let selector = spec[path: ["selector", "matchLabels"]]?.members ?? [:]
            guard !selector.isEmpty, selector.allSatisfy({ labels[$0.key] == $0.value }) else {
                throw .invalid(key.type, key.name, "spec.template.metadata.labels: `selector` does not match")
            }
            if let before, before[path: ["spec", "selector"]] != spec["selector"] {
                throw .invalid(key.type, key.name, "spec.selector: field is immutable")
            }
            let containers = spec[path: ["template", "spec", "containers"]]?.elements ?? []
            guard !containers.isEmpty, containers.allSatisfy({ $0["name"]?.string != nil }) else {
                throw .invalid(key.type, key.name, "spec.template.spec.containers: Required value")
            }
        case "HorizontalPodAutoscaler":
            guard let low = (spec["minReplicas"] ?? 1).integer, let high = spec["maxReplicas"]?.integer, low >= 1,
                high >= low
            else { throw .invalid(key.type, key.name, "spec.maxReplicas: must be at least minReplicas") }
        case "ConfigMap", "Secret":
            if before?["immutable"] == true, object["data"] != before?["data"] {
                throw .invalid(key.type, key.name, "data: field is immutable when `immutable` is set")
            }
            guard object["data"]?.members.values.allSatisfy({ $0.string != nil }) ?? true else {
                throw .bad("\(key.type.kind) in version \"v1\" cannot be handled: data must hold strings")
            }
        default: break
        }
    }
}
