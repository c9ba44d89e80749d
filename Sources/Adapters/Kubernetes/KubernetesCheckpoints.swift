/// The newest signed checkpoint of each audit chain, as a ConfigMap in the agent's own namespace.
///
/// It is out of reach of whoever can only write to the store. The manifests ship it empty, so that the right to get and
/// patch this one object is enough. One line of JSON for each partition, as
/// `kubectl get configmap sre-agent-audit-checkpoints -o go-template='{{range .data}}{{println .}}{{end}}'` shows them.
package struct KubernetesCheckpoints: Sendable {
    /// Name of the ConfigMap.
    package static let name = "sre-agent-audit-checkpoints"

    private let client: KubernetesClient
    private let namespace: String

    package init(client: KubernetesClient, namespace: String) {
        self.client = client
        self.namespace = namespace
    }

    /// Puts checkpoints, by partition, in the place of older ones; those of other partitions stay.
    ///
    /// - Throws: `KubernetesError`; with an unknown outcome it may be done, and doing it again does no harm.
    package func keep(_ checkpoints: [Int: String]) async throws(KubernetesError) {
        guard !checkpoints.isEmpty else { return }
        let data = JSONValue.object(
            Dictionary(uniqueKeysWithValues: checkpoints.map { ("p\($0 < 10 ? "0" : "")\($0)", .string($1)) }))
        _ = try await client.patch(
            "/api/v1/namespaces/\(namespace)/configmaps/\(Self.name)", ["data": data])
    }

    /// The lines that are there now.
    ///
    /// - Throws: `KubernetesError`, also when the ConfigMap does not exist.
    package func kept() async throws(KubernetesError) -> [String] {
        let object = try await client.get("/api/v1/namespaces/\(namespace)/configmaps/\(Self.name)")
        return (object.value["data"]?.members ?? [:]).sorted { $0.key < $1.key }.compactMap(\.value.string)
    }
}
