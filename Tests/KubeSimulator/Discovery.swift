import Foundation
import Kubernetes

/// What clients ask to learn which resources there are.
enum Discovery {
    /// The answer to a path outside all resources.
    static func answer(_ path: String) throws(StatusError) -> KubernetesResponse {
        let parts = path.split(separator: "/").map(String.init)
        if parts == ["version"] { return response(["major": "1", "minor": "32", "gitVersion": "v1.32.0"]) }
        if ["healthz", "livez", "readyz"].contains(parts.first ?? "") {
            return KubernetesResponse(status: 200, headers: ["content-type": "text/plain"], body: Data("ok".utf8))
        }
        if parts == ["api"] { return response(["kind": "APIVersions", "apiVersion": "v1", "versions": ["v1"]]) }
        if parts == ["apis"] { return response(groups) }
        if parts.first == "api", parts.count == 2 { return response(resources(group: "", version: parts[1])) }
        if parts.first == "apis", parts.count == 3 { return response(resources(group: parts[1], version: parts[2])) }
        if parts == ["openapi", "v3"] { return response(openAPIIndex) }
        if parts.starts(with: ["openapi", "v3"]) { return response(openAPI(Array(parts.dropFirst(2)))) }
        throw StatusError(
            code: 404, reason: "NotFound", message: "the server could not find the requested resource")
    }

    private static func response(_ value: JSONValue) -> KubernetesResponse {
        KubernetesResponse(
            status: 200, headers: ["content-type": "application/json"], body: Data(value.canonical))
    }

    private static var groups: JSONValue {
        let names = Set(ResourceType.all.map { [$0.group, $0.version] }).filter { !$0[0].isEmpty }
            .sorted { $0[0] < $1[0] }
        let groups = names.map { pair -> JSONValue in
            let version: JSONValue = [
                "groupVersion": .string("\(pair[0])/\(pair[1])"), "version": .string(pair[1]),
            ]
            return ["name": .string(pair[0]), "versions": [version], "preferredVersion": version]
        }
        return ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups)]
    }

    private static func resources(group: String, version: String) -> JSONValue {
        let verbs: JSONValue = ["create", "delete", "get", "list", "patch", "update", "watch"]
        var list: [JSONValue] = []
        for type in ResourceType.all where type.group == group && type.version == version {
            list.append([
                "name": .string(type.plural), "singularName": .string(type.kind.lowercased()),
                "namespaced": .bool(type.isNamespaced), "kind": .string(type.kind),
                "verbs": type.isReview ? ["create"] : verbs, "shortNames": .array(type.shortNames.map { .string($0) }),
            ])
            for subresource in type.subresources.sorted() {
                let isScale = subresource == "scale"
                list.append([
                    "name": .string("\(type.plural)/\(subresource)"), "singularName": "",
                    "namespaced": .bool(type.isNamespaced), "group": isScale ? "autoscaling" : "policy",
                    "version": "v1", "kind": isScale ? "Scale" : "Eviction",
                    "verbs": isScale ? ["get", "patch", "update"] : ["create"],
                ])
            }
        }
        return [
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": .string(group.isEmpty ? version : "\(group)/\(version)"), "resources": .array(list),
        ]
    }

    private static func path(of type: ResourceType) -> String {
        type.group.isEmpty ? "api/\(type.version)" : "apis/\(type.apiVersion)"
    }

    private static var openAPIIndex: JSONValue {
        let paths = Set(ResourceType.all.map(path(of:))).reduce(into: JSONValue.object([:])) { paths, path in
            paths[path] = ["serverRelativeURL": .string("/openapi/v3/\(path)")]
        }
        return ["paths": paths]
    }

    /// Enough of OpenAPI that kubectl sees that the server validates fields itself.
    private static func openAPI(_ parts: [String]) -> JSONValue {
        var paths: JSONValue = [:]
        for type in ResourceType.all where path(of: type) == parts.joined(separator: "/") && !type.isReview {
            let scope = type.isNamespaced ? "/namespaces/{namespace}" : ""
            let parameters: JSONValue = [
                ["name": "dryRun", "in": "query", "schema": ["type": "string"]],
                ["name": "fieldManager", "in": "query", "schema": ["type": "string"]],
                ["name": "fieldValidation", "in": "query", "schema": ["type": "string"]],
            ]
            let operation: JSONValue = [
                "parameters": parameters, "responses": ["200": ["description": "OK"]],
                "x-kubernetes-group-version-kind": [
                    "group": .string(type.group), "version": .string(type.version), "kind": .string(type.kind),
                ],
            ]
            paths["/\(path(of: type))\(scope)/\(type.plural)/{name}"] = ["patch": operation, "put": operation]
        }
        return ["openapi": "3.0.0", "info": ["title": "Kubernetes", "version": "v1.32.0"], "paths": paths]
    }
}
