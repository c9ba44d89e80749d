import Foundation
import Kubernetes
import Yams

/// The patch formats of the API server.
enum Patches {
    /// Lists that strategic merge and server-side apply merge by a key, by the name of the list.
    private static let mergeKeys: [String: String] = [
        "containers": "name", "initContainers": "name", "volumes": "name", "env": "name", "volumeMounts": "mountPath",
        "imagePullSecrets": "name", "conditions": "type", "tolerations": "key", "ownerReferences": "uid",
        "ports": "containerPort",
    ]

    /// A strategic merge patch.
    ///
    /// Source: Kubernetes documentation, "Update API Objects in Place Using kubectl patch".
    static func strategic(_ target: JSONValue, _ patch: JSONValue, list name: String = "") -> JSONValue {
        switch (target, patch) {
        case (.object(var members), .object(let changes)):
            if changes["$patch"] == "replace" {
                var rest = changes
                rest["$patch"] = nil
                return .object(rest)
            }
            for (key, value) in changes where !key.hasPrefix("$") {
                if value == .null {
                    members[key] = nil
                } else if let old = members[key] {
                    members[key] = strategic(old, value, list: key)
                } else {
                    members[key] = withoutDirectives(value)
                }
            }
            return .object(members)
        case (.array(let old), .array(let new)):
            guard let mergeKey = mergeKeys[name] else { return patch }
            return .array(merge(old, new, by: mergeKey))
        default: return withoutDirectives(patch)
        }
    }

    private static func merge(_ old: [JSONValue], _ new: [JSONValue], by mergeKey: String) -> [JSONValue] {
        if new.contains(where: { $0["$patch"] == "replace" }) { return new.filter { $0["$patch"] == nil } }
        var result = old
        for element in new {
            let index = result.firstIndex { $0[mergeKey] != nil && $0[mergeKey] == element[mergeKey] }
            if element["$patch"] == "delete" {
                if let index { result.remove(at: index) }
            } else if let index {
                result[index] = strategic(result[index], element)
            } else {
                result.append(withoutDirectives(element))
            }
        }
        return result
    }

    private static func withoutDirectives(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            .object(members.filter { !$0.key.hasPrefix("$") && $0.value != .null }.mapValues(withoutDirectives))
        case .array(let elements): .array(elements.map(withoutDirectives))
        default: value
        }
    }

    /// A JSON patch (RFC 6902) with the operations `add`, `replace`, `remove` and `test`.
    static func json(_ target: JSONValue, _ operations: JSONValue) throws(StatusError) -> JSONValue {
        var result = target
        for operation in operations.elements {
            let path = (operation["path"]?.string ?? "").split(separator: "/").map {
                $0.replacingOccurrences(of: "~1", with: "/").replacingOccurrences(of: "~0", with: "~")
            }
            switch operation["op"]?.string {
            case "add", "replace": try set(&result, path, operation["value"] ?? .null)
            case "remove": try set(&result, path, nil)
            case "test":
                guard result[path: path] == operation["value"] else {
                    throw StatusError(code: 422, reason: "Invalid", message: "the test of a JSON patch failed")
                }
            case let other: throw .bad("the operation '\(other ?? "")' of a JSON patch is unknown")
            }
        }
        return result
    }

    private static func set(_ value: inout JSONValue, _ path: [String], _ new: JSONValue?) throws(StatusError) {
        guard let first = path.first else {
            value = new ?? .null
            return
        }
        if case .array(var elements) = value {
            let index = first == "-" ? elements.count : Int(first) ?? -1
            guard index >= 0, index <= elements.count else { throw .bad("no element \(first)") }
            if path.count > 1 {
                guard index < elements.count else { throw .bad("no element \(first)") }
                try set(&elements[index], Array(path.dropFirst()), new)
            } else if let new {
                elements.insert(new, at: index)
            } else {
                guard index < elements.count else { throw .bad("no element \(first)") }
                elements.remove(at: index)
            }
            value = .array(elements)
            return
        }
        if path.count == 1 {
            value[first] = new
        } else {
            var inner = value[first] ?? .object([:])
            try set(&inner, Array(path.dropFirst()), new)
            value[first] = inner
        }
    }

    /// An apply configuration as JSON; YAML is a superset.
    static func configuration(_ body: Data) throws(StatusError) -> JSONValue {
        guard let loaded = try? Yams.load(yaml: String(decoding: body, as: UTF8.self)), loaded is [String: Any] else {
            throw .bad("the apply configuration is not an object")
        }
        return JSONValue(yaml: loaded)
    }
}

extension JSONValue {
    /// What Yams made of a YAML document.
    init(yaml value: Any) {
        switch value {
        case let text as String: self = .string(text)
        case let flag as Bool: self = .bool(flag)
        case let number as Int: self = .integer(Int64(number))
        case let number as Double: self = .number(number)
        case let members as [String: Any]: self = .object(members.mapValues(JSONValue.init(yaml:)))
        case let elements as [Any]: self = .array(elements.map(JSONValue.init(yaml:)))
        default: self = .null
        }
    }
}

/// Who manages which field: the part of server-side apply that is simulated.
enum FieldManagement {
    /// Paths of the leaves of an object that a manager can own.
    static func leaves(_ value: JSONValue, _ path: String = "") -> [String: JSONValue] {
        var leaves: [String: JSONValue] = [:]
        switch value {
        case .object(let members) where !members.isEmpty:
            for (key, inner) in members where !ignored.contains(path.isEmpty ? key : "") {
                if path == ".metadata", !["labels", "annotations"].contains(key) { continue }
                leaves.merge(self.leaves(inner, "\(path).\(key)")) { $1 }
            }
        default: leaves[path] = value
        }
        return leaves
    }

    private static let ignored: Set<String> = ["apiVersion", "kind", "status"]

    /// The first field that another manager applied with another value.
    static func conflict(_ before: JSONValue, _ wanted: JSONValue, manager: String) -> String? {
        let old = leaves(before)
        for (path, value) in leaves(wanted).sorted(by: { $0.key < $1.key }) where old[path] != nil && old[path] != value
        {
            for entry in before[path: ["metadata", "managedFields"]]?.elements ?? []
            where entry["manager"]?.string != manager && owns(entry, path) {
                return "conflict with \"\(entry["manager"]?.string ?? "")\": \(path)"
            }
        }
        return nil
    }

    private static func owns(_ entry: JSONValue, _ path: String) -> Bool {
        entry[path: ["fieldsV1"] + path.split(separator: ".").map { "f:\($0)" }] != nil
    }

    /// The list of managers after a write.
    static func record(
        _ before: JSONValue?, _ after: JSONValue, manager: String, operation: String, apiVersion: String, time: String
    ) -> JSONValue {
        var entries = before?[path: ["metadata", "managedFields"]]?.elements ?? []
        let old = before.map { leaves($0) } ?? [:]
        let new = leaves(after)
        let changed = Set(new.filter { old[$0.key] != $0.value }.keys).union(old.keys.filter { new[$0] == nil })
        guard !changed.isEmpty else { return .array(entries) }
        var own: Set<String> = changed.intersection(new.keys)
        for index in entries.indices.reversed() {
            let kept = paths(entries[index]).subtracting(changed)
            if entries[index]["manager"]?.string == manager, entries[index]["operation"]?.string == operation {
                own.formUnion(kept)
                entries.remove(at: index)
            } else if kept.isEmpty {
                entries.remove(at: index)
            } else {
                entries[index]["fieldsV1"] = tree(kept)
            }
        }
        entries.append([
            "manager": .string(manager), "operation": .string(operation), "apiVersion": .string(apiVersion),
            "time": .string(time), "fieldsType": "FieldsV1", "fieldsV1": tree(own),
        ])
        return .array(entries)
    }

    private static func paths(_ entry: JSONValue) -> Set<String> {
        func walk(_ value: JSONValue, _ path: String) -> Set<String> {
            let inner = value.members
            guard !inner.isEmpty else { return [path] }
            return inner.reduce(into: []) { $0.formUnion(walk($1.value, "\(path).\($1.key.dropFirst(2))")) }
        }
        return walk(entry["fieldsV1"] ?? [:], "")
    }

    private static func tree(_ paths: Set<String>) -> JSONValue {
        paths.reduce(into: JSONValue.object([:])) { tree, path in
            tree[path: path.split(separator: ".").map { "f:\($0)" }] = [:]
        }
    }
}
