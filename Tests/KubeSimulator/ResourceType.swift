import Kubernetes

/// One resource that the simulated server serves.
package struct ResourceType: Sendable, Hashable {
    /// API group; empty for the core group.
    package var group: String
    package var version: String
    package var plural: String
    package var kind: String
    package var isNamespaced: Bool
    package var shortNames: [String]
    /// Subresources besides `status`.
    package var subresources: Set<String>
    /// Whether the server counts `metadata.generation` for it.
    package var hasGeneration: Bool
    /// Created only, to ask something; never stored.
    package var isReview: Bool

    private init(
        _ group: String, _ version: String, _ plural: String, _ kind: String, namespaced: Bool = true,
        short: [String] = [], subresources: Set<String> = [], generation: Bool = false, review: Bool = false
    ) {
        self.group = group
        self.version = version
        self.plural = plural
        self.kind = kind
        self.isNamespaced = namespaced
        self.shortNames = short
        self.subresources = subresources
        self.hasGeneration = generation
        self.isReview = review
    }

    /// `apps/v1`, or `v1` for the core group.
    package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// `deployments.apps`, as messages of the API server name it.
    package var qualifiedName: String { group.isEmpty ? plural : "\(plural).\(group)" }

    package static let deployments = ResourceType(
        "apps", "v1", "deployments", "Deployment", short: ["deploy"], subresources: ["scale"], generation: true)
    package static let replicaSets = ResourceType(
        "apps", "v1", "replicasets", "ReplicaSet", short: ["rs"], subresources: ["scale"], generation: true)
    package static let pods = ResourceType("", "v1", "pods", "Pod", short: ["po"], subresources: ["eviction"])
    package static let nodes = ResourceType("", "v1", "nodes", "Node", namespaced: false, short: ["no"])
    package static let budgets = ResourceType(
        "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", short: ["pdb"], generation: true)
    package static let autoscalers = ResourceType(
        "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", short: ["hpa"])
    package static let roles = ResourceType("rbac.authorization.k8s.io", "v1", "roles", "Role")
    package static let roleBindings = ResourceType("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
    package static let clusterRoles = ResourceType(
        "rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced: false)
    package static let clusterRoleBindings = ResourceType(
        "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced: false)

    package static let admissionPolicies = ResourceType(
        "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy",
        namespaced: false, generation: true)

    /// Whether the controllers look at it.
    var isWorkload: Bool {
        [Self.deployments, .replicaSets, .pods, .nodes, .budgets, .autoscalers].contains(self)
    }

    /// Everything that is served.
    package static let all: [ResourceType] = [
        deployments, replicaSets, pods, nodes, budgets, autoscalers, roles, roleBindings, clusterRoles,
        clusterRoleBindings,
        ResourceType("", "v1", "namespaces", "Namespace", namespaced: false, short: ["ns"]),
        ResourceType("", "v1", "services", "Service", short: ["svc"]),
        ResourceType("", "v1", "configmaps", "ConfigMap", short: ["cm"]),
        ResourceType("", "v1", "secrets", "Secret"),
        ResourceType("", "v1", "events", "Event", short: ["ev"]),
        ResourceType("", "v1", "serviceaccounts", "ServiceAccount", short: ["sa"]),
        ResourceType("coordination.k8s.io", "v1", "leases", "Lease"), admissionPolicies,
        ResourceType(
            "admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings",
            "ValidatingAdmissionPolicyBinding", namespaced: false, generation: true),
        ResourceType(
            "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", short: ["netpol"], generation: true),
        ResourceType("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", generation: true),
        ResourceType("networking.istio.io", "v1", "virtualservices", "VirtualService", short: ["vs"], generation: true),
        ResourceType(
            "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced: false,
            review: true),
        ResourceType(
            "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced: false, review: true
        ),
    ]

    /// The type with this group and plural name.
    package static func named(_ plural: String, group: String) -> ResourceType? {
        all.first { $0.plural == plural && $0.group == group }
    }

    /// The type of an object that names its `apiVersion` and `kind`.
    package static func of(_ object: JSONValue) -> ResourceType? {
        all.first { $0.apiVersion == object["apiVersion"]?.string && $0.kind == object["kind"]?.string }
    }
}
