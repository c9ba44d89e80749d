import Bus
import Model

/// Moves traffic between backends: weights of a Gateway API HTTPRoute or an Istio VirtualService, or the selector of a
/// Service.
struct ShiftTraffic: ObjectAction {
    private enum Route {
        case httpRoute, virtualService, service
    }

    private func route(_ action: Action) throws(KubernetesError) -> Route {
        switch action.parameters["route"] {
        case "HTTPRoute": .httpRoute
        case "VirtualService": .virtualService
        case "Service": .service
        case let other:
            throw KubernetesError(
                .refused, "route is '\(other ?? "")'; valid: HTTPRoute, VirtualService, Service")
        }
    }

    func object(_ action: Action, _ target: Entity) throws(KubernetesError) -> String {
        let name = try parameter("name", action)
        return switch try route(action) {
        case .httpRoute:
            try ObjectPath.make(
                "gateway.networking.k8s.io/v1", "httproutes", namespace: target.namespace, name: name)
        case .virtualService:
            try ObjectPath.make(
                "networking.istio.io/v1", "virtualservices", namespace: target.namespace, name: name)
        case .service: try ObjectPath.make("v1", "services", namespace: target.namespace, name: name)
        }
    }

    func touched(_ action: Action) -> [[String]] {
        switch action.parameters["route"] {
        case "HTTPRoute": [["spec", "rules"]]
        case "VirtualService": [["spec", "http"]]
        default: [["spec", "selector"]]
        }
    }

    func patch(
        _ action: Action, _ target: Entity, current: KubernetesObject, stamp: String, client: KubernetesClient,
        digest: any Digest
    ) async throws(KubernetesError) -> JSONValue {
        switch try route(action) {
        case .service: return ["spec": ["selector": try selector(action, current)]]
        case .httpRoute:
            let weights = try weights(action)
            let rules = try changed(current.value[path: ["spec", "rules"]], list: "backendRefs", weights) {
                $0["name"]?.string
            }
            return ["spec": ["rules": rules]]
        case .virtualService:
            let weights = try weights(action)
            let routes = try changed(current.value[path: ["spec", "http"]], list: "route", weights) { route in
                let destination = route["destination"] ?? .null
                return destination["subset"]?.string ?? destination["host"]?.string
            }
            return ["spec": ["http": routes]]
        }
    }

    /// Reads `stable=90,canary=10`.
    private func weights(_ action: Action) throws(KubernetesError) -> [String: Int64] {
        let text = try parameter("weights", action)
        var weights: [String: Int64] = [:]
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: "=")
            guard parts.count == 2, let weight = Int64(parts[1]), (0...1_000_000).contains(weight),
                weights.updateValue(weight, forKey: String(parts[0])) == nil
            else { throw KubernetesError(.refused, "weights is '\(text)'; valid: backend=weight,backend=weight") }
        }
        guard weights.values.contains(where: { $0 > 0 }) else {
            throw KubernetesError(.refused, "weights is '\(text)': no backend would get traffic")
        }
        return weights
    }

    /// Sets the weights of every rule that names all of the backends.
    private func changed(
        _ rules: JSONValue?, list: String, _ weights: [String: Int64], name: (JSONValue) -> String?
    ) throws(KubernetesError) -> JSONValue {
        var hits = 0
        let changed = (rules?.elements ?? []).map { rule -> JSONValue in
            let backends = rule[list]?.elements ?? []
            guard Set(backends.compactMap(name)) == Set(weights.keys) else { return rule }
            hits += 1
            var rule = rule
            rule[list] = .array(
                backends.map { backend in
                    var backend = backend
                    backend["weight"] = name(backend).flatMap { weights[$0] }.map { .integer($0) }
                    return backend
                })
            return rule
        }
        guard hits > 0 else {
            throw KubernetesError(
                .refused, "no rule has exactly the backends \(weights.keys.sorted().joined(separator: ", "))")
        }
        return .array(changed)
    }

    /// Reads `app=web,version=stable`; labels that are not named go.
    private func selector(_ action: Action, _ current: KubernetesObject) throws(KubernetesError) -> JSONValue {
        let text = try parameter("selector", action)
        var wanted: JSONValue = .object([:])
        for key in (current.value[path: ["spec", "selector"]]?.members ?? [:]).keys { wanted[key] = .null }
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: "=")
            guard parts.count == 2 else {
                throw KubernetesError(.refused, "selector is '\(text)'; valid: label=value,label=value")
            }
            wanted[String(parts[0])] = .string(String(parts[1]))
        }
        return wanted
    }

    /// Share of the traffic that changes its backend, in [0,1].
    static func movedShare(_ before: KubernetesObject, _ after: KubernetesObject, route: String) -> Double {
        func shares(_ object: KubernetesObject) -> [String: Double] {
            let (list, inner) = route == "HTTPRoute" ? ("rules", "backendRefs") : ("http", "route")
            var weights: [String: Double] = [:]
            for rule in object.value[path: ["spec", list]]?.elements ?? [] {
                for backend in rule[inner]?.elements ?? [] {
                    let destination = backend["destination"] ?? .null
                    let name = backend["name"]?.string ?? destination["subset"]?.string ?? destination["host"]?.string
                    weights[name ?? "", default: 0] += Double(backend["weight"]?.integer ?? 1)
                }
            }
            let total = weights.values.reduce(0, +)
            return total > 0 ? weights.mapValues { $0 / total } : [:]
        }
        if route == "Service" { return 1 }
        let old = shares(before)
        let new = shares(after)
        return min(1, Set(old.keys).union(new.keys).reduce(0) { $0 + max(0, (new[$1] ?? 0) - (old[$1] ?? 0)) })
    }
}

/// Makes a node take no more pods, or take them again.
struct Cordon: ObjectAction {
    let unschedulable: Bool

    func object(_ action: Action, _ target: Entity) throws(KubernetesError) -> String {
        try ObjectPath.make("v1", "nodes", name: try Self.node(action, target))
    }

    /// The node that an action names, or else its target.
    static func node(_ action: Action, _ target: Entity) throws(KubernetesError) -> String {
        if let name = action.parameters["node"] { return try ObjectPath.checked(name) }
        guard target.kind == "Node" else {
            throw KubernetesError(.refused, "\(action.type.rawValue) needs a Node, not a \(target.kind)")
        }
        return try ObjectPath.checked(target.name)
    }

    func touched(_ action: Action) -> [[String]] { [["spec", "unschedulable"]] }

    func patch(
        _ action: Action, _ target: Entity, current: KubernetesObject, stamp: String, client: KubernetesClient,
        digest: any Digest
    ) async throws(KubernetesError) -> JSONValue {
        ["spec": ["unschedulable": unschedulable ? true : .null]]
    }
}
