import Bus
import Model

/// Replaces the pods of a Deployment one after the other.
struct RolloutRestart: ObjectAction {
    /// Annotation of the pod template that makes the pods be replaced.
    static let annotation = "kubectl.kubernetes.io/restartedAt"

    func object(_ action: Action, _ target: Entity) throws(KubernetesError) -> String {
        try ObjectPath.deployment(target, action.type)
    }

    func touched(_ action: Action) -> [[String]] { [["spec", "template"]] }

    func patch(
        _ action: Action, _ target: Entity, current: KubernetesObject, stamp: String, client: KubernetesClient,
        digest: any Digest
    ) async throws(KubernetesError) -> JSONValue {
        // The plan, not the clock, determines the value: a repetition changes nothing.
        ["spec": ["template": ["metadata": ["annotations": [Self.annotation: .string(stamp)]]]]]
    }

    func isSettled(_ object: KubernetesObject) -> Bool { object.isRolledOut }
}

/// Sets the number of replicas of a Deployment, or the lower bound of the autoscaler that owns it.
///
/// By a patch of the Deployment and not of its subresource `scale`: `Scale` carries no annotations, so that the change and
/// the operation's name would be two requests, and an answer that got lost between them could not be told from somebody
/// else's change to the same number. That is also why kinds are refused whose number of replicas can only be reached
/// through the subresource, such as custom resources: an effect that nobody can recognise is not applied once.
struct Scale: ObjectAction {
    func object(_ action: Action, _ target: Entity) throws(KubernetesError) -> String {
        if let autoscaler = action.parameters["autoscaler"], autoscaler != "refuse", autoscaler != "bounds" {
            return try ObjectPath.make(
                "autoscaling/v2", "horizontalpodautoscalers", namespace: target.namespace, name: autoscaler)
        }
        return try ObjectPath.deployment(target, action.type)
    }

    private func usesAutoscaler(_ action: Action) -> Bool {
        ![nil, "refuse", "bounds"].contains(action.parameters["autoscaler"])
    }

    func touched(_ action: Action) -> [[String]] {
        usesAutoscaler(action)
            ? [["spec", "minReplicas"], ["spec", "maxReplicas"], ["spec", "scaleTargetRef"]] : [["spec", "replicas"]]
    }

    func resolve(
        _ action: Action, _ target: Entity, current: KubernetesObject, client: KubernetesClient, digest: any Digest
    ) async throws(KubernetesError) -> [String: String] {
        var parameters = action.parameters
        let base =
            usesAutoscaler(action) ? current.value[path: ["spec", "minReplicas"]]?.integer ?? 1 : current.replicas
        parameters["replicas"] = "\(try replicas(parameters["replicas"] ?? "", from: base))"
        return parameters
    }

    private func replicas(_ text: String, from current: Int) throws(KubernetesError) -> Int {
        let isRelative = text.hasPrefix("+") || text.hasPrefix("-")
        guard let number = Int(text), abs(number) <= 1_000 else {
            throw KubernetesError(.refused, "replicas is '\(text)'; valid: a number, or +n or -n")
        }
        let wanted = isRelative ? current + number : number
        guard (1...1_000).contains(wanted) else {
            throw KubernetesError(.refused, "\(wanted) replicas are not in 1...1000")
        }
        return wanted
    }

    func patch(
        _ action: Action, _ target: Entity, current: KubernetesObject, stamp: String, client: KubernetesClient,
        digest: any Digest
    ) async throws(KubernetesError) -> JSONValue {
        let text = try parameter("replicas", action)
        guard !text.hasPrefix("+"), !text.hasPrefix("-") else {
            throw KubernetesError(.refused, "replicas is '\(text)': the plan does not say how many")
        }
        let wanted = try replicas(text, from: 0)
        guard usesAutoscaler(action) else {
            // An autoscaler would undo it.
            if let owner = try await Autoscalers.owner(of: target, client) {
                throw KubernetesError(.refused, "the autoscaler \(owner.name) owns the number of replicas")
            }
            return ["spec": ["replicas": .integer(Int64(wanted))]]
        }
        let reference = current.value[path: ["spec", "scaleTargetRef"]] ?? .null
        guard reference["kind"]?.string == target.kind, reference["name"]?.string == target.name else {
            throw KubernetesError(.refused, "the autoscaler \(current.name) is not that of \(target.name)")
        }
        let highest = max(wanted, current.value[path: ["spec", "maxReplicas"]]?.integer ?? wanted)
        return ["spec": ["minReplicas": .integer(Int64(wanted)), "maxReplicas": .integer(Int64(highest))]]
    }

    func isSettled(_ object: KubernetesObject) -> Bool {
        object.value["kind"]?.string == "HorizontalPodAutoscaler" || object.isRolledOut
    }
}

/// Autoscalers and what they own.
enum Autoscalers {
    /// The autoscaler that owns the number of replicas of a workload; `nil` when there is none.
    static func owner(
        of target: Entity, _ client: KubernetesClient
    ) async throws(KubernetesError) -> KubernetesObject? {
        let namespace = try ObjectPath.checked(target.namespace)
        let path = "/apis/autoscaling/v2/namespaces/\(namespace)/horizontalpodautoscalers"
        return try await client.list(path).items.first { item in
            let reference = item.value[path: ["spec", "scaleTargetRef"]] ?? .null
            return reference["kind"]?.string == target.kind && reference["name"]?.string == target.name
        }
    }
}

/// Gives a Deployment the pod template of an earlier revision.
struct RollbackRevision: ObjectAction {
    /// Annotation of a ReplicaSet with its revision.
    static let annotation = "deployment.kubernetes.io/revision"

    func object(_ action: Action, _ target: Entity) throws(KubernetesError) -> String {
        try ObjectPath.deployment(target, action.type)
    }

    func touched(_ action: Action) -> [[String]] { [["spec", "template"]] }

    func resolve(
        _ action: Action, _ target: Entity, current: KubernetesObject, client: KubernetesClient, digest: any Digest
    ) async throws(KubernetesError) -> [String: String] {
        let namespace = try ObjectPath.checked(target.namespace)
        let list = try await client.list("/apis/apps/v1/namespaces/\(namespace)/replicasets")
        let revisions = list.items.filter { $0.isOwned(by: current.uid) }
            .compactMap { item in item.annotations[Self.annotation].flatMap { Int($0) }.map { ($0, item) } }
            .sorted { $0.0 < $1.0 }
        let text = try parameter("revision", action)
        let own = bare(current.value[path: ["spec", "template"]])
        let wanted: (Int, KubernetesObject)?
        if text == "previous" {
            wanted = revisions.last { bare($0.1.value[path: ["spec", "template"]]) != own }
        } else {
            wanted = revisions.first { "\($0.0)" == text }
        }
        guard let (revision, replicaSet) = wanted else {
            throw KubernetesError(
                .refused,
                "there is no revision '\(text)'; there are \(revisions.map { "\($0.0)" }.joined(separator: ", "))")
        }
        var parameters = action.parameters
        parameters["revision"] = "\(revision)"
        parameters["replica_set"] = replicaSet.name
        parameters["template"] = ObjectDigest.of(bare(replicaSet.value[path: ["spec", "template"]]), digest)
        return parameters
    }

    private func bare(_ template: JSONValue?) -> JSONValue {
        var template = template ?? .null
        template[path: ["metadata", "labels", "pod-template-hash"]] = nil
        return template
    }

    func patch(
        _ action: Action, _ target: Entity, current: KubernetesObject, stamp: String, client: KubernetesClient,
        digest: any Digest
    ) async throws(KubernetesError) -> JSONValue {
        let path = try ObjectPath.make(
            "apps/v1", "replicasets", namespace: target.namespace, name: try parameter("replica_set", action))
        let replicaSet = try await client.get(path)
        guard replicaSet.isOwned(by: current.uid) else {
            throw KubernetesError(.refused, "\(replicaSet.name) does not belong to \(target.name)")
        }
        let template = bare(replicaSet.value[path: ["spec", "template"]])
        guard ObjectDigest.of(template, digest) == action.parameters["template"] else {
            throw KubernetesError(.refused, "the template of \(replicaSet.name) is not the one of the plan")
        }
        guard let change = (current.value[path: ["spec", "template"]] ?? .null).mergePatch(to: template) else {
            throw KubernetesError(.refused, "\(target.name) has the template of this revision already")
        }
        return ["spec": ["template": change]]
    }

    func isSettled(_ object: KubernetesObject) -> Bool { object.isRolledOut }
}

/// Gives a ConfigMap or Secret the content of a recorded version: of another object of the same kind and namespace.
///
/// The plan holds the digest of the content, never the content, so that a secret stays where it is.
struct RollbackConfig: ObjectAction {
    private func plural(_ action: Action) throws(KubernetesError) -> String {
        switch action.parameters["kind"] ?? "ConfigMap" {
        case "ConfigMap": "configmaps"
        case "Secret": "secrets"
        case let other: throw KubernetesError(.refused, "kind is '\(other)'; valid: ConfigMap, Secret")
        }
    }

    func object(_ action: Action, _ target: Entity) throws(KubernetesError) -> String {
        try ObjectPath.make(
            "v1", try plural(action), namespace: target.namespace, name: try parameter("name", action))
    }

    func touched(_ action: Action) -> [[String]] { [["data"], ["binaryData"]] }

    private func content(_ object: KubernetesObject) -> JSONValue {
        var content = JSONValue.object([:])
        for field in ["data", "binaryData"] { content[field] = object.value[field] }
        return content
    }

    private func source(
        _ action: Action, _ target: Entity, _ client: KubernetesClient
    ) async throws(KubernetesError) -> KubernetesObject {
        try await client.get(
            try ObjectPath.make(
                "v1", try plural(action), namespace: target.namespace, name: try parameter("source", action)))
    }

    func resolve(
        _ action: Action, _ target: Entity, current: KubernetesObject, client: KubernetesClient, digest: any Digest
    ) async throws(KubernetesError) -> [String: String] {
        var parameters = action.parameters
        parameters["content"] = ObjectDigest.of(content(try await source(action, target, client)), digest)
        return parameters
    }

    func patch(
        _ action: Action, _ target: Entity, current: KubernetesObject, stamp: String, client: KubernetesClient,
        digest: any Digest
    ) async throws(KubernetesError) -> JSONValue {
        let source = try await source(action, target, client)
        let wanted = content(source)
        guard ObjectDigest.of(wanted, digest) == action.parameters["content"] else {
            throw KubernetesError(.refused, "\(source.name) does not hold the content of the plan")
        }
        guard let change = content(current).mergePatch(to: wanted) else {
            throw KubernetesError(.refused, "\(current.name) has this content already")
        }
        return change
    }
}
