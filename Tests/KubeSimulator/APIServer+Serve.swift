import Foundation
import Kubernetes

extension APIServer.State {
    mutating func serve(
        _ request: KubernetesRequest, _ info: RequestInfo, _ user: APIServer.User, time: String
    ) -> APIServer.Delivery {
        let isDryRun = request.query["dryRun"] == "All"
        let fault = takeFault(info, isDryRun: isDryRun)
        switch fault?.kind {
        case .timeoutBefore: return .silence
        case .status:
            let code = fault?.status ?? 500
            return .answer(
                StatusError(
                    code: code, reason: Self.reasons[code] ?? "Unknown", message: "injected",
                    retryAfter: fault?.retryAfter
                ).response)
        default: break
        }
        strike(.before, info, isDryRun: isDryRun, time: time)
        let response: KubernetesResponse
        do {
            response = try answer(request, info, user, time: time)
        } catch {
            response = error.response
        }
        strike(.after, info, isDryRun: isDryRun, time: time)
        switch fault?.kind {
        case .timeoutAfter: return .silence
        case .statusAfter:
            let code = fault?.status ?? 500
            return .answer(
                StatusError(code: code, reason: Self.reasons[code] ?? "Unknown", message: "injected").response)
        case .truncated: return .truncated(response)
        case .slow: return .answer(response, delay: fault?.milliseconds ?? 1_000)
        default: return .answer(response)
        }
    }

    private static let reasons: [Int: String] = [
        400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid",
        429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
    ]

    private mutating func takeFault(_ info: RequestInfo, isDryRun: Bool) -> Fault? {
        for index in faults.indices where faults[index].fits(info, isDryRun: isDryRun) {
            if let skip = faults[index].skip, skip > 0 {
                faults[index].skip = skip - 1
                return nil
            }
            return faults.remove(at: index)
        }
        return nil
    }

    private mutating func strike(_ moment: Adversary.Moment, _ info: RequestInfo, isDryRun: Bool, time: String) {
        var index = 0
        while index < adversaries.count {
            let adversary = adversaries[index]
            guard adversary.moment == moment, adversary.verb == info.verb, adversary.resource == info.type.plural,
                adversary.onDryRun == isDryRun || !info.isWrite
            else {
                index += 1
                continue
            }
            guard adversary.skip == 0 else {
                adversaries[index].skip -= 1
                index += 1
                continue
            }
            adversaries.remove(at: index)
            let isDeletion = adversary.patch == .null
            let request = KubernetesRequest(
                isDeletion ? "DELETE" : "PATCH", adversary.path, query: ["fieldManager": adversary.manager],
                contentType: "application/merge-patch+json", body: isDeletion ? nil : Data(adversary.patch.canonical))
            guard let target = RequestInfo(request) else { continue }
            _ = try? answer(request, target, .init(name: adversary.manager, groups: ["system:masters"]), time: time)
        }
    }

    private func answer(_ value: JSONValue, _ type: ResourceType, status: Int = 200) -> KubernetesResponse {
        var value = value
        if value["kind"] == nil {
            value["apiVersion"] = .string(type.apiVersion)
            value["kind"] = .string(type.kind)
        }
        return KubernetesResponse(
            status: status, headers: ["content-type": "application/json"], body: Data(value.canonical))
    }

    private mutating func answer(
        _ request: KubernetesRequest, _ info: RequestInfo, _ user: APIServer.User, time: String
    ) throws(StatusError) -> KubernetesResponse {
        try authorize(info, user)
        guard info.isSupported else {
            throw StatusError(
                code: 405, reason: "MethodNotAllowed",
                message: "the server does not allow this method on the requested resource")
        }
        if let dryRun = request.query["dryRun"], dryRun != "All" { throw .bad("dryRun: must be All") }
        if info.type.isReview { return try review(request, info, user) }
        if info.isWrite, request.query["dryRun"] == nil { try keepDry(user) }
        switch info.verb {
        case "list": return try list(request, info)
        case "get": return try get(info, request)
        case "watch": return KubernetesResponse(status: 200, headers: ["content-type": "application/json"])
        case "create" where info.subresource == "eviction":
            return answer(try evict(request, info, user, time: time), info.type, status: 201)
        case "create": return answer(try create(request, info, user, time: time), info.type, status: 201)
        case "update", "patch": return answer(try change(request, info, user, time: time), info.type)
        case "delete": return answer(try delete(request, info, user, time: time), info.type)
        default:
            throw StatusError(code: 405, reason: "MethodNotAllowed", message: "\(info.verb) is not supported")
        }
    }

    private func authorize(_ info: RequestInfo, _ user: APIServer.User) throws(StatusError) {
        let resource = info.subresource.isEmpty ? info.type.plural : "\(info.type.plural)/\(info.subresource)"
        let attributes = Authorizer.Attributes(
            user: user.name, groups: user.groups, verb: info.verb, group: info.type.group, resource: resource,
            namespace: info.namespace, name: info.name)
        guard Authorizer(store: store).allows(attributes) else {
            let place = info.namespace.isEmpty ? "at the cluster scope" : "in the namespace \"\(info.namespace)\""
            throw StatusError(
                code: 403, reason: "Forbidden",
                message: "\(info.type.qualifiedName) \"\(info.name)\" is forbidden: User \"\(user.name)\" cannot "
                    + "\(info.verb) resource \"\(resource)\" in API group \"\(info.type.group)\" \(place)")
        }
    }

    /// Admission policies that allow a user dry runs only; other expressions are not evaluated.
    private func keepDry(_ user: APIServer.User) throws(StatusError) {
        for (_, policy) in store.list(.admissionPolicies) {
            let conditions = policy[path: ["spec", "matchConditions"]]?.elements ?? []
            let validations = policy[path: ["spec", "validations"]]?.elements ?? []
            guard
                conditions.contains(where: { $0["expression"]?.string == "request.userInfo.username == '\(user.name)'" }
                ),
                let validation = validations.first(where: { $0["expression"] == "request.dryRun == true" })
            else { continue }
            throw StatusError(
                code: 422, reason: "Invalid", message: "denied by policy: \(validation["message"]?.string ?? "")")
        }
    }

    private func review(
        _ request: KubernetesRequest, _ info: RequestInfo, _ user: APIServer.User
    ) throws(StatusError) -> KubernetesResponse {
        var object = try Self.object(request)
        let spec = object["spec"] ?? [:]
        let asked = spec["resourceAttributes"] ?? [:]
        func text(_ key: String) -> String { asked[key]?.string ?? "" }
        let isSelf = info.type.plural.hasPrefix("self")
        let groups = spec["groups"]?.elements.compactMap(\.string) ?? []
        let resource = text("subresource").isEmpty ? text("resource") : "\(text("resource"))/\(text("subresource"))"
        let allowed = Authorizer(store: store).allows(
            .init(
                user: isSelf ? user.name : spec["user"]?.string ?? "", groups: isSelf ? user.groups : Set(groups),
                verb: text("verb"), group: text("group"), resource: resource, namespace: text("namespace"),
                name: text("name")))
        object["status"] = ["allowed": .bool(allowed)]
        return answer(object, info.type, status: 201)
    }

    static func object(_ request: KubernetesRequest) throws(StatusError) -> JSONValue {
        if let type = request.contentType, type.contains("protobuf") {
            if let review = request.body.flatMap(ReviewMessage.json) { return review }
            throw StatusError(
                code: 415, reason: "UnsupportedMediaType", message: "the simulated server speaks JSON only")
        }
        guard let body = request.body, let value = try? JSONValue(json: body), case .object = value else {
            throw .bad("the body is not a JSON object")
        }
        return value
    }

    // MARK: Reads

    func isSelected(_ object: JSONValue, _ request: KubernetesRequest) -> Bool {
        let labels = object[path: ["metadata", "labels"]]?.members ?? [:]
        if let selector = request.query["labelSelector"] {
            guard (try? Selectors.matches(labels: labels, selector: selector)) == true else { return false }
        }
        if let selector = request.query["fieldSelector"] {
            guard (try? Selectors.matches(fields: object, selector: selector)) == true else { return false }
        }
        return true
    }

    private func list(_ request: KubernetesRequest, _ info: RequestInfo) throws(StatusError) -> KubernetesResponse {
        var found = store.list(info.type, namespace: info.namespace).filter { isSelected($0.value, request) }
        var version = store.version
        if let token = request.query["continue"] {
            let parts = token.split(separator: "|", maxSplits: 2).map(String.init)
            guard parts.count == 3, let start = Int(parts[0]) else { throw .bad("continue key is not valid") }
            guard start >= store.compacted else { throw .expired }
            version = start
            found = found.filter { ($0.key.namespace, $0.key.name) > (parts[1], parts[2]) }
        }
        var metadata: JSONValue = ["resourceVersion": .string("\(version)")]
        if let limit = request.query["limit"].flatMap({ Int($0) }), limit > 0, found.count > limit {
            let last = found[limit - 1].key
            metadata["continue"] = .string("\(version)|\(last.namespace)|\(last.name)")
            metadata["remainingItemCount"] = .integer(Int64(found.count - limit))
            found.removeLast(found.count - limit)
        }
        let items = found.map { pair -> JSONValue in
            var object = pair.value
            object["apiVersion"] = .string(info.type.apiVersion)
            object["kind"] = .string(info.type.kind)
            return object
        }
        if let accept = request.accept, Table.isWanted(accept) {
            return answer(Table.of(items, info.type, metadata: metadata), info.type)
        }
        return answer(
            [
                "apiVersion": .string(info.type.apiVersion), "kind": .string("\(info.type.kind)List"),
                "metadata": metadata, "items": .array(items),
            ], info.type)
    }

    private func get(_ info: RequestInfo, _ request: KubernetesRequest) throws(StatusError) -> KubernetesResponse {
        guard let object = store.objects[info.key] else { throw .notFound(info.type, info.name) }
        if info.subresource == "scale" { return answer(Self.scale(of: object), info.type) }
        if let accept = request.accept, Table.isWanted(accept) {
            var object = object
            object["apiVersion"] = .string(info.type.apiVersion)
            object["kind"] = .string(info.type.kind)
            return answer(Table.of([object], info.type, metadata: [:]), info.type)
        }
        return answer(object, info.type)
    }
}
