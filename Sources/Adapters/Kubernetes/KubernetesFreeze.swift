import Remediation

/// The switch that stops all changes at once, as a ConfigMap in the agent's own namespace.
///
/// `kubectl -n sre-agent create configmap sre-agent-freeze --from-literal=reason=…` stops everything, and deleting it
/// lets it go on; it works when the store does not.
package struct KubernetesFreeze: Sendable {
    /// Name of the ConfigMap.
    package static let name = "sre-agent-freeze"

    private let client: KubernetesClient
    private let namespace: String

    package init(client: KubernetesClient, namespace: String) {
        self.client = client
        self.namespace = namespace
    }

    /// As a brake: the ConfigMap stops, and so does a server that cannot be asked.
    package var brake: Brake {
        {
            do {
                guard let object = try await client.find("/api/v1/namespaces/\(namespace)/configmaps/\(Self.name)")
                else { return nil }
                let reason = object.value[path: ["data", "reason"]]?.string ?? ""
                return "all changes are frozen by the ConfigMap \(Self.name)\(reason.isEmpty ? "" : ": \(reason)")"
            } catch {
                return "the ConfigMap \(Self.name) cannot be read: \(error)"
            }
        }
    }
}
