import Kubernetes

/// RBAC as the API server evaluates it, over the roles and bindings that are stored.
struct Authorizer {
    let store: ObjectStore

    /// A question to the authorizer.
    struct Attributes {
        var user: String
        var groups: Set<String>
        var verb: String
        var group: String
        /// With its subresource, such as `pods/eviction`.
        var resource: String
        var namespace: String
        var name: String
    }

    /// Whether a rule allows it.
    func allows(_ attributes: Attributes) -> Bool {
        if attributes.groups.contains("system:masters") { return true }
        if attributes.group == "authorization.k8s.io", attributes.resource.hasPrefix("self") { return true }
        for (key, binding) in store.list(.clusterRoleBindings) where isSubject(attributes, binding, key.namespace) {
            if rules(binding, namespace: "").contains(where: { covers($0, attributes) }) { return true }
        }
        guard !attributes.namespace.isEmpty else { return false }
        for (key, binding) in store.list(.roleBindings, namespace: attributes.namespace)
        where isSubject(attributes, binding, key.namespace) {
            if rules(binding, namespace: key.namespace).contains(where: { covers($0, attributes) }) { return true }
        }
        return false
    }

    private func isSubject(_ attributes: Attributes, _ binding: JSONValue, _ namespace: String) -> Bool {
        (binding["subjects"]?.elements ?? []).contains { subject in
            let name = subject["name"]?.string ?? ""
            switch subject["kind"]?.string {
            case "ServiceAccount":
                let home = subject["namespace"]?.string ?? namespace
                return attributes.user == "system:serviceaccount:\(home):\(name)"
            case "User": return attributes.user == name
            case "Group": return attributes.groups.contains(name)
            default: return false
            }
        }
    }

    private func rules(_ binding: JSONValue, namespace: String) -> [JSONValue] {
        let name = binding[path: ["roleRef", "name"]]?.string ?? ""
        let isCluster = binding[path: ["roleRef", "kind"]]?.string == "ClusterRole"
        let key = ObjectKey(
            type: isCluster ? .clusterRoles : .roles, namespace: isCluster ? "" : namespace, name: name)
        return store.objects[key]?["rules"]?.elements ?? []
    }

    private func covers(_ rule: JSONValue, _ attributes: Attributes) -> Bool {
        func contains(_ key: String, _ value: String) -> Bool {
            let values = rule[key]?.elements.compactMap(\.string) ?? []
            return values.contains("*") || values.contains(value)
        }
        guard contains("verbs", attributes.verb), contains("apiGroups", attributes.group),
            contains("resources", attributes.resource)
        else { return false }
        let names = rule["resourceNames"]?.elements.compactMap(\.string) ?? []
        return names.isEmpty || names.contains(attributes.name)
    }
}
