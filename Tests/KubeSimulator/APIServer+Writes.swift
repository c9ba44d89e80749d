import Foundation
import Kubernetes

extension APIServer.State {
    private func manager(_ request: KubernetesRequest) -> String { request.query["fieldManager"] ?? "unknown" }

    private func checkFields(
        _ object: JSONValue, _ request: KubernetesRequest, _ type: ResourceType
    ) throws(StatusError) {
        guard request.query["fieldValidation"] == "Strict" else { return }
        if let field = Admission.unknownField(object, type) {
            throw .bad(
                "\(type.kind) in version \"\(type.version)\" cannot be handled as a \(type.kind): strict decoding "
                    + "error: unknown field \"\(field)\"")
        }
    }

    private mutating func record(
        _ request: KubernetesRequest, _ info: RequestInfo, _ user: APIServer.User, _ before: JSONValue?,
        _ after: JSONValue?
    ) {
        func specification(_ object: JSONValue?) -> JSONValue? { object.map { ObjectStore.specification($0) } }
        let operation = after?[path: ["metadata", "annotations", "sre-agent.io/operation"]]?.string ?? ""
        log.append(
            Effect(
                version: store.version, user: user.name, manager: manager(request), verb: info.verb,
                resource: info.type.qualifiedName, subresource: info.subresource, namespace: info.namespace,
                name: info.name, operation: operation,
                changedSpecification: specification(before) != specification(after)))
    }

    mutating func create(
        _ request: KubernetesRequest, _ info: RequestInfo, _ user: APIServer.User, time: String
    ) throws(StatusError) -> JSONValue {
        var object = try Self.object(request)
        let name = info.name.isEmpty ? object[path: ["metadata", "name"]]?.string ?? "" : info.name
        guard !name.isEmpty else { throw .bad("name or generateName is required") }
        var info = info
        info.name = name
        guard store.objects[info.key] == nil else {
            throw StatusError(
                code: 409, reason: "AlreadyExists", message: "\(info.type.qualifiedName) \"\(name)\" already exists")
        }
        try checkFields(object, request, info.type)
        object = defaulted(object, info.type)
        try Admission.validate(object, before: nil, info.key)
        object["status"] = nil
        object[path: ["metadata", "managedFields"]] = FieldManagement.record(
            nil, object, manager: manager(request), operation: "Update", apiVersion: info.type.apiVersion, time: time)
        if request.query["dryRun"] != nil { return object }
        let stored = store.create(object, at: info.key, time: time)
        record(request, info, user, nil, stored)
        settle(time: time)
        return store.objects[info.key] ?? stored
    }

    private func defaulted(_ object: JSONValue, _ type: ResourceType) -> JSONValue {
        var object = object
        if type == .deployments || type == .replicaSets, object[path: ["spec", "replicas"]] == nil {
            object[path: ["spec", "replicas"]] = 1
        }
        if let strings = object["stringData"]?.members {
            var data = object["data"] ?? [:]
            for (key, value) in strings {
                data[key] = .string(Data((value.string ?? "").utf8).base64EncodedString())
            }
            object["data"] = data
            object["stringData"] = nil
        }
        return object
    }

    /// Update, patch and apply.
    mutating func change(
        _ request: KubernetesRequest, _ info: RequestInfo, _ user: APIServer.User, time: String
    ) throws(StatusError) -> JSONValue {
        let isApply = request.contentType?.hasPrefix("application/apply-patch") ?? false
        guard let stored = store.objects[info.key] else {
            guard isApply, info.verb == "patch", info.subresource.isEmpty else { throw .notFound(info.type, info.name) }
            var creation = request
            creation.body = Data(try Patches.configuration(request.body ?? Data()).canonical)
            return try create(creation, info, user, time: time)
        }
        let isScale = info.subresource == "scale"
        let before = isScale ? Self.scale(of: stored) : stored
        var after = try changed(before, request, info)
        try checkPreconditions(stored, after, info)
        if !isScale { try checkFields(after, request, info.type) }
        if isScale {
            after = try scaled(stored, by: after, request)
        } else if info.subresource == "status" {
            let status = after["status"]
            after = stored
            after["status"] = status
        } else {
            after["status"] = stored["status"]
        }
        try Admission.validate(after, before: stored, info.key)
        after[path: ["metadata", "managedFields"]] = FieldManagement.record(
            stored, after, manager: manager(request), operation: isApply ? "Apply" : "Update",
            apiVersion: info.type.apiVersion, time: time)
        var attempt = store
        let result = attempt.update(after, at: info.key, countsGeneration: info.subresource != "status")
        if request.query["dryRun"] == nil {
            store = attempt
            if result != stored { record(request, info, user, stored, result) }
            settle(time: time)
        }
        let final = request.query["dryRun"] == nil ? store.objects[info.key] ?? result : result
        return isScale ? Self.scale(of: final) : final
    }

    private func changed(
        _ before: JSONValue, _ request: KubernetesRequest, _ info: RequestInfo
    ) throws(StatusError) -> JSONValue {
        if info.verb == "update" { return try Self.object(request) }
        guard let body = request.body else { throw .bad("a patch needs a body") }
        let type = request.contentType?.split(separator: ";").first.map(String.init) ?? ""
        if type.hasPrefix("application/apply-patch") {
            guard request.query["fieldManager"] != nil else { throw .bad("fieldManager is required for apply patch") }
            let wanted = try Patches.configuration(body)
            if request.query["force"] != "true",
                let conflict = FieldManagement.conflict(before, wanted, manager: manager(request))
            {
                throw StatusError(code: 409, reason: "Conflict", message: "Apply failed with 1 conflict: \(conflict)")
            }
            return Patches.strategic(before, wanted)
        }
        guard let patch = try? JSONValue(json: body) else { throw .bad("the patch is not JSON") }
        switch type {
        case "application/merge-patch+json": return before.merging(patch)
        case "application/strategic-merge-patch+json": return Patches.strategic(before, patch)
        case "application/json-patch+json": return try Patches.json(before, patch)
        default:
            throw StatusError(
                code: 415, reason: "UnsupportedMediaType", message: "the body of the request was in an unknown format")
        }
    }

    private func checkPreconditions(
        _ stored: JSONValue, _ wanted: JSONValue, _ info: RequestInfo
    ) throws(StatusError) {
        let old = stored["metadata"] ?? [:]
        let new = wanted["metadata"] ?? [:]
        guard let name = new["name"]?.string, name == info.name else {
            throw .bad(
                "the name of the object (\(new["name"]?.string ?? "")) does not match the name on the URL (\(info.name))"
            )
        }
        if let uid = new["uid"]?.string, let actual = old["uid"]?.string, uid != actual {
            throw .conflict(
                info.type, info.name,
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(actual)")
        }
        if let version = new["resourceVersion"]?.string, version != old["resourceVersion"]?.string {
            throw .conflict(
                info.type, info.name,
                "the object has been modified; please apply your changes to the latest version and try again")
        }
    }

    mutating func delete(
        _ request: KubernetesRequest, _ info: RequestInfo, _ user: APIServer.User, time: String
    ) throws(StatusError) -> JSONValue {
        guard let stored = store.objects[info.key] else { throw .notFound(info.type, info.name) }
        if let body = request.body, !body.isEmpty {
            try checkDeletion(stored, try Self.object(request)["preconditions"], info)
        }
        if request.query["dryRun"] != nil { return stored }
        store.remove(info.key)
        record(request, info, user, stored, nil)
        settle(time: time)
        return stored
    }

    private func checkDeletion(
        _ stored: JSONValue, _ preconditions: JSONValue?, _ info: RequestInfo
    ) throws(StatusError) {
        for field in ["uid", "resourceVersion"] {
            guard let wanted = preconditions?[field]?.string else { continue }
            guard wanted == stored[path: ["metadata", field]]?.string else {
                throw .conflict(info.type, info.name, "Precondition failed: \(field)")
            }
        }
    }

    /// `policy/v1` Eviction: refused while a disruption budget does not allow it.
    mutating func evict(
        _ request: KubernetesRequest, _ info: RequestInfo, _ user: APIServer.User, time: String
    ) throws(StatusError) -> JSONValue {
        guard let pod = store.objects[info.key] else { throw .notFound(info.type, info.name) }
        let eviction = try Self.object(request)
        try checkDeletion(pod, eviction[path: ["deleteOptions", "preconditions"]], info)
        for (key, budget) in store.list(.budgets, namespace: info.namespace)
        where Selectors.matches(pod, labelSelector: budget[path: ["spec", "selector"]]) {
            guard disruptionsAllowed(budget, namespace: info.namespace) > 0 else {
                throw StatusError(
                    code: 429, reason: "TooManyRequests",
                    message: "Cannot evict pod as it would violate the pod's disruption budget.",
                    causes: [
                        [
                            "reason": "DisruptionBudget",
                            "message": .string("The disruption budget \(key.name) needs its pods healthy"),
                        ]
                    ], retryAfter: 1)
            }
        }
        let isDryRun =
            request.query["dryRun"] != nil
            || eviction[path: ["deleteOptions", "dryRun"]]?.elements.contains("All") ?? false
        if !isDryRun {
            store.remove(info.key)
            record(request, info, user, pod, nil)
            settle(time: time)
        }
        return ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success"]
    }

    func disruptionsAllowed(_ budget: JSONValue, namespace: String) -> Int {
        let pods = store.list(.pods, namespace: namespace).map(\.value)
            .filter { Selectors.matches($0, labelSelector: budget[path: ["spec", "selector"]]) }
        let healthy = pods.count { isReady($0) }
        if let minimum = budget[path: ["spec", "minAvailable"]]?.integer { return max(0, healthy - minimum) }
        let maximum = budget[path: ["spec", "maxUnavailable"]]?.integer ?? 1
        return max(0, maximum - (pods.count - healthy))
    }
}
