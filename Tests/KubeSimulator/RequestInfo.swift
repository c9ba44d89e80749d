import Kubernetes

/// A request to a resource, taken apart as the API server does it.
package struct RequestInfo: Sendable {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    package var verb: String
    package var type: ResourceType
    package var namespace: String
    /// Empty for requests to the collection.
    package var name: String
    /// Empty for the resource itself.
    package var subresource: String

    /// `nil` when the path is not one of a resource that is served.
    init?(_ request: KubernetesRequest) {
        var parts = request.path.split(separator: "/").map(String.init)[...]
        let group: String
        switch parts.popFirst() {
        case "api": group = ""
        case "apis":
            guard let name = parts.popFirst() else { return nil }
            group = name
        default: return nil
        }
        guard let version = parts.popFirst() else { return nil }
        namespace = ""
        if parts.first == "namespaces", parts.count >= 3 {
            parts = parts.dropFirst()
            namespace = parts.popFirst() ?? ""
        }
        guard let plural = parts.popFirst(), let type = ResourceType.named(plural, group: group),
            type.version == version
        else { return nil }
        self.type = type
        name = parts.popFirst() ?? ""
        subresource = parts.popFirst() ?? ""
        guard parts.isEmpty, subresource.isEmpty || subresource == "status" || type.subresources.contains(subresource)
        else { return nil }
        let isWatch = ["true", "1"].contains(request.query["watch"] ?? "")
        switch request.method {
        case "GET": verb = isWatch ? "watch" : name.isEmpty ? "list" : "get"
        case "POST": verb = "create"
        case "PUT": verb = "update"
        case "PATCH": verb = "patch"
        case "DELETE": verb = name.isEmpty ? "deletecollection" : "delete"
        default: return nil
        }
    }

    /// Whether the resource, or the subresource, can be asked for this at all.
    var isSupported: Bool {
        switch subresource {
        case "": true
        case "eviction": verb == "create"
        default: ["get", "update", "patch"].contains(verb)
        }
    }

    var isWrite: Bool { !["get", "list", "watch"].contains(verb) && !type.isReview }
    var key: ObjectKey { ObjectKey(type: type, namespace: namespace, name: name) }
}

/// Where an object is stored.
package struct ObjectKey: Sendable, Hashable, Comparable {
    package var type: ResourceType
    package var namespace: String
    package var name: String

    package init(type: ResourceType, namespace: String, name: String) {
        self.type = type
        self.namespace = namespace
        self.name = name
    }

    package static func < (lhs: ObjectKey, rhs: ObjectKey) -> Bool {
        (lhs.type.qualifiedName, lhs.namespace, lhs.name) < (rhs.type.qualifiedName, rhs.namespace, rhs.name)
    }
}
