import Model

/// What the steps of a plan reach beside the workload that the plan is about.
enum Reach {
    /// An action that does not say clearly what it reaches.
    struct Unclear: Error {
        var reason: String
    }

    private static let kinds = [
        "configmaps": "ConfigMap", "deployments": "Deployment", "horizontalpodautoscalers": "HorizontalPodAutoscaler",
        "httproutes": "HTTPRoute", "nodes": "Node", "secrets": "Secret", "services": "Service",
        "virtualservices": "VirtualService",
    ]

    /// The pinned object of an action and the pods that it evicts; a node counts to the target's namespace.
    static func objects(of action: Action, _ target: Entity) throws(Unclear) -> [Entity] {
        var objects: [Entity] = []
        if let pin = action.pin { objects.append(try object(pin.object, action, target)) }
        for part in (action.parameters["pods"] ?? "").split(separator: ",") {
            let names = part.prefix { $0 != "=" }.split(separator: "/", omittingEmptySubsequences: false)
            guard names.count == 2, part.contains("="), names.allSatisfy({ !$0.isEmpty }) else {
                throw Unclear(reason: "pods has '\(part)'; valid: namespace/name=uid")
            }
            objects.append(
                Entity(
                    cluster: target.cluster, namespace: String(names[0]), kind: "Pod", name: String(names[1])))
        }
        return objects
    }

    /// The object at a path of the API, such as `/apis/apps/v1/namespaces/shop/deployments/web`.
    private static func object(_ path: String, _ action: Action, _ target: Entity) throws(Unclear) -> Entity {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let root = parts.count > 1 && parts[1] == "api" ? 3 : 4
        let rest = Array(parts.dropFirst(root))
        if rest.count == 4, rest[0] == "namespaces", rest.allSatisfy({ !$0.isEmpty }) {
            return Entity(
                cluster: target.cluster, namespace: rest[1], kind: kinds[rest[2]] ?? rest[2], name: rest[3])
        }
        guard rest.count == 2, rest.allSatisfy({ !$0.isEmpty }) else {
            throw Unclear(reason: "'\(path)' is not the path of an object")
        }
        guard action.type == .cordon || action.type == .uncordon else {
            throw Unclear(reason: "\(action.type.rawValue) reaches '\(path)', which is the whole cluster's")
        }
        return Entity(
            cluster: target.cluster, namespace: target.namespace, kind: kinds[rest[0]] ?? rest[0], name: rest[1])
    }
}
