/// The thing that a series, an incident or a plan is about: one workload, node or service.
package struct Entity: Sendable, Hashable, Comparable {
    /// Cluster name from the configuration.
    package var cluster: String
    /// Kubernetes namespace, or the configured default off Kubernetes.
    package var namespace: String
    /// Kind of workload, such as `Deployment`, `Node`, `Process`.
    package var kind: String
    /// Name, unique within namespace and kind.
    package var name: String

    package init(cluster: String, namespace: String, kind: String, name: String) {
        self.cluster = cluster
        self.namespace = namespace
        self.kind = kind
        self.name = name
    }

    package static func < (lhs: Entity, rhs: Entity) -> Bool {
        (lhs.cluster, lhs.namespace, lhs.kind, lhs.name) < (rhs.cluster, rhs.namespace, rhs.kind, rhs.name)
    }
}

extension Entity: CustomStringConvertible {
    /// `cluster/namespace/kind/name`.
    package var description: String { "\(cluster)/\(namespace)/\(kind)/\(name)" }
}
