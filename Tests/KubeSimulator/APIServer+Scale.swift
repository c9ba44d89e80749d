import Kubernetes

/// The subresource `scale` as `autoscaling/v1`.
extension APIServer.State {
    static func scale(of object: JSONValue) -> JSONValue {
        let metadata = object["metadata"] ?? [:]
        let selector = object[path: ["spec", "selector", "matchLabels"]]?.members ?? [:]
        return [
            "apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": [
                "name": metadata["name"] ?? "", "namespace": metadata["namespace"] ?? "",
                "uid": metadata["uid"] ?? "", "resourceVersion": metadata["resourceVersion"] ?? "",
                "creationTimestamp": metadata["creationTimestamp"] ?? "",
            ], "spec": ["replicas": object[path: ["spec", "replicas"]] ?? 1],
            "status": [
                "replicas": object[path: ["status", "replicas"]] ?? 0,
                "selector": .string(
                    selector.map { "\($0.key)=\($0.value.string ?? "")" }.sorted().joined(separator: ",")),
            ],
        ]
    }

    /// The object with the number of replicas that a written `Scale` asks for; nothing else of it counts.
    func scaled(_ stored: JSONValue, by scale: JSONValue, _ request: KubernetesRequest) throws(StatusError) -> JSONValue
    {
        guard scale["apiVersion"] == "autoscaling/v1", scale["kind"] == "Scale" else {
            throw .bad("the object provided is not a Scale of autoscaling/v1")
        }
        if request.query["fieldValidation"] == "Strict",
            let field = (scale["spec"] ?? [:]).members.keys.sorted().first(where: { $0 != "replicas" })
        {
            throw .bad(
                "Scale in version \"v1\" cannot be handled as a Scale: strict decoding error: unknown field "
                    + "\"spec.\(field)\"")
        }
        // A number that is left out is 0, as everywhere in the API.
        guard let replicas = (scale[path: ["spec", "replicas"]] ?? 0).integer else {
            throw .bad("Scale in version \"v1\" cannot be handled as a Scale: spec.replicas is not a number")
        }
        guard replicas >= 0 else {
            let name = stored[path: ["metadata", "name"]]?.string ?? ""
            throw StatusError(
                code: 422, reason: "Invalid",
                message: "Scale.autoscaling \"\(name)\" is invalid: spec.replicas: Invalid value: \(replicas): must be "
                    + "greater than or equal to 0")
        }
        var object = stored
        object[path: ["spec", "replicas"]] = .integer(Int64(replicas))
        return object
    }
}
