import Foundation
import Hummingbird
import NIOCore

/// Deployments and their ReplicaSets as the API server keeps them, with faults on demand.
actor Cluster {
    typealias Object = [String: Any]

    /// A refusal in the form of `metav1.Status`.
    struct Refusal: Error {
        var code: Int
        var reason: String
        var message: String
    }

    private var deployments: [String: Object] = [:]
    private var replicaSets: [String: [Object]] = [:]
    private var version = 1
    private var faults: [String] = []
    /// Every change that was applied, in order.
    private(set) var log: [[String: String]] = []

    /// A cluster with the Deployment `shop/web` of three replicas.
    static func make() async -> Cluster {
        let cluster = Cluster()
        await cluster.fill()
        return cluster
    }

    private func fill() {
        let name = "web"
        deployments["shop/\(name)"] = [
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": [
                "name": name, "namespace": "shop", "uid": UUID().uuidString.lowercased(), "resourceVersion": "1",
                "generation": 1, "annotations": ["deployment.kubernetes.io/revision": "1"],
            ] as Object,
            "spec": ["replicas": 3, "template": Self.template("web:1")] as Object,
        ]
        settle("shop/\(name)")
        addReplicaSet("shop/\(name)")
    }

    private static func template(_ image: String) -> Object {
        [
            "metadata": ["labels": ["app": "web"]] as Object,
            "spec": ["containers": [["name": "web", "image": image] as Object]] as Object,
        ]
    }

    /// Faults for the next requests that change something: `before-500`, `after-500`, `conflict`, `busy`, `forbidden`.
    func add(faults: [String]) { self.faults += faults }

    private static func json(_ object: Object) throws -> Data {
        try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    }

    /// A Deployment as JSON.
    func get(_ key: String) throws -> Data { try Self.json(try deployment(key)) }

    private func deployment(_ key: String) throws -> Object {
        guard let object = deployments[key] else {
            throw Refusal(code: 404, reason: "NotFound", message: "deployments.apps \"\(key)\" not found")
        }
        return object
    }

    /// The ReplicaSets of a namespace as JSON.
    func list(_ namespace: String) throws -> Data {
        let items = replicaSets.filter { $0.key.hasPrefix(namespace + "/") }.flatMap(\.value)
        return try Self.json([
            "apiVersion": "apps/v1", "kind": "ReplicaSetList", "metadata": [:] as Object, "items": items,
        ])
    }

    /// Applies a merge patch and returns the object as JSON.
    func patch(_ key: String, _ body: Data, isDryRun: Bool) throws -> Data {
        guard let patch = try? JSONSerialization.jsonObject(with: body) as? Object else {
            throw Refusal(code: 400, reason: "BadRequest", message: "the body is not a JSON object")
        }
        var object = try deployment(key)
        let fault = isDryRun || faults.isEmpty ? nil : faults.removeFirst()
        switch fault {
        case "before-500": throw Refusal(code: 500, reason: "InternalError", message: "etcd did not answer")
        case "busy": throw Refusal(code: 429, reason: "TooManyRequests", message: "wait")
        case "forbidden": throw Refusal(code: 403, reason: "Forbidden", message: "no")
        case "conflict": throw Refusal(code: 409, reason: "Conflict", message: "the object has been modified")
        default: break
        }
        let metadata = object["metadata"] as? Object ?? [:]
        let wanted = patch["metadata"] as? Object ?? [:]
        for field in ["uid", "resourceVersion"] {
            guard let value = wanted[field] as? String else { continue }
            guard value == metadata[field] as? String else {
                throw Refusal(code: 409, reason: "Conflict", message: "precondition failed: \(field)")
            }
        }
        let before = object
        object = Self.merged(object, patch)
        guard let replicas = (object["spec"] as? Object)?["replicas"] as? Int, replicas >= 0 else {
            throw Refusal(code: 422, reason: "Invalid", message: "spec.replicas: must be a whole number from 0")
        }
        if isDryRun { return try Self.json(object) }
        store(key, before, object)
        if fault == "after-500" { throw Refusal(code: 500, reason: "InternalError", message: "the answer was lost") }
        return try get(key)
    }

    private func store(_ key: String, _ before: Object, _ after: Object) {
        var object = after
        var metadata = object["metadata"] as? Object ?? [:]
        version += 1
        metadata["resourceVersion"] = "\(version)"
        func same(_ path: String) -> Bool {
            let old = (before["spec"] as? Object)?[path] as Any?
            let new = (after["spec"] as? Object)?[path] as Any?
            return NSDictionary(dictionary: ["v": old ?? NSNull()]) == NSDictionary(dictionary: ["v": new ?? NSNull()])
        }
        let isSpecChanged = !same("template") || !same("replicas")
        if isSpecChanged { metadata["generation"] = (metadata["generation"] as? Int ?? 1) + 1 }
        object["metadata"] = metadata
        deployments[key] = object
        if !same("template") { addReplicaSet(key) }
        settle(key)
        log.append([
            "key": key, "changed": isSpecChanged ? "spec" : "metadata",
            "operation": (metadata["annotations"] as? [String: String])?["sre-agent.io/operation"] ?? "",
        ])
    }

    /// Rollouts are over at once.
    private func settle(_ key: String) {
        guard var object = deployments[key], let metadata = object["metadata"] as? Object else { return }
        let replicas = (object["spec"] as? Object)?["replicas"] as? Int ?? 1
        object["status"] =
            [
                "observedGeneration": metadata["generation"] ?? 1, "replicas": replicas, "updatedReplicas": replicas,
                "availableReplicas": replicas,
            ] as Object
        deployments[key] = object
    }

    private func addReplicaSet(_ key: String) {
        guard let object = deployments[key], let metadata = object["metadata"] as? Object else { return }
        let revision = (replicaSets[key]?.count ?? 0) + 1
        var template = (object["spec"] as? Object)?["template"] as? Object ?? [:]
        var inner = template["metadata"] as? Object ?? [:]
        var labels = inner["labels"] as? Object ?? [:]
        labels["pod-template-hash"] = "hash\(revision)"
        inner["labels"] = labels
        template["metadata"] = inner
        replicaSets[key, default: []].append([
            "metadata": [
                "name": "web-\(revision)", "uid": UUID().uuidString, "resourceVersion": "\(version)",
                "annotations": ["deployment.kubernetes.io/revision": "\(revision)"],
                "ownerReferences": [["uid": metadata["uid"] ?? ""]],
            ] as Object, "spec": ["template": template] as Object,
        ])
    }

    /// RFC 7386.
    private static func merged(_ target: Object, _ patch: Object) -> Object {
        var result = target
        for (key, value) in patch {
            if value is NSNull {
                result[key] = nil
            } else if let inner = value as? Object {
                result[key] = merged(result[key] as? Object ?? [:], inner)
            } else {
                result[key] = value
            }
        }
        return result
    }

    /// A person changes the image.
    func setImage(_ key: String, _ image: String) {
        guard let before = deployments[key] else { return }
        var after = before
        var spec = after["spec"] as? Object ?? [:]
        spec["template"] = Self.template(image)
        after["spec"] = spec
        store(key, before, after)
    }
}
