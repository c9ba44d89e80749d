/// How many replicas a workload has and is to have: its subresource `scale` (`autoscaling/v1`).
///
/// Any kind may have one, custom resources included, wherever in its specification the number is kept.
package struct ReplicaScale: Sendable, Equatable {
    /// Unique id of the workload.
    package var uid: String
    /// Version of the workload, for a change that must not meet somebody else's.
    package var resourceVersion: String
    /// Replicas that are wanted, at least 0.
    package var wanted: Int
    /// Replicas that there are, at least 0.
    package var actual: Int
    /// Label selector of the pods, such as `app=web`; empty where the kind has none.
    package var selector: String

    /// - Throws: `KubernetesError` when the answer is not a `Scale`.
    init(_ object: KubernetesObject) throws(KubernetesError) {
        guard object.value["kind"]?.string == "Scale", object.value["apiVersion"]?.string == "autoscaling/v1" else {
            throw KubernetesError(.unknown, "the answer is not a Scale of autoscaling/v1")
        }
        uid = object.uid
        resourceVersion = object.resourceVersion
        // The API leaves a number of 0 out.
        wanted = object.value[path: ["spec", "replicas"]]?.integer ?? 0
        actual = object.value[path: ["status", "replicas"]]?.integer ?? 0
        selector = object.value[path: ["status", "selector"]]?.string ?? ""
    }
}

extension KubernetesClient {
    /// Reads the scale of the workload at `path`.
    ///
    /// - Throws: `KubernetesError`, of the kind `notFound` also when the kind has no scale.
    package func scale(of path: String) async throws(KubernetesError) -> ReplicaScale {
        try ReplicaScale(try await get(path + "/scale"))
    }

    /// Sets the number of replicas of the workload at `path`, if it is still as `known`.
    ///
    /// - Parameters:
    ///   - path: of the workload.
    ///   - replicas: at least 0.
    ///   - known: as it was read.
    ///   - dryRun: the server checks and answers, and changes nothing.
    /// - Throws: `KubernetesError`, of the kind `conflict` when the workload changed since or is another one.
    package func scale(
        _ path: String, to replicas: Int, from known: ReplicaScale, dryRun: Bool = false
    ) async throws(KubernetesError) -> ReplicaScale {
        let change: JSONValue = [
            "metadata": ["uid": .string(known.uid), "resourceVersion": .string(known.resourceVersion)],
            "spec": ["replicas": .integer(Int64(replicas))],
        ]
        return try ReplicaScale(try await patch(path + "/scale", change, dryRun: dryRun))
    }
}
