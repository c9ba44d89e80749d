import Foundation
import Kubernetes

/// Lists as `kubectl get` asks for them: `meta.k8s.io/v1` Table, with the columns that the server decides on.
enum Table {
    private struct Column {
        var name: String
        var cell: (JSONValue) -> JSONValue
    }

    /// Whether a client prefers a table.
    static func isWanted(_ accept: String) -> Bool { accept.contains("as=Table") && accept.contains("g=meta.k8s.io") }

    /// The table of some objects.
    static func of(_ objects: [JSONValue], _ type: ResourceType, metadata: JSONValue) -> JSONValue {
        let columns = columns(of: type)
        return [
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "columnDefinitions": .array(
                columns.map { column in
                    [
                        "name": .string(column.name), "type": "string", "format": column.name == "Name" ? "name" : "",
                        "description": "", "priority": 0,
                    ]
                }),
            "rows": .array(
                objects.map { object in
                    [
                        "cells": .array(columns.map { $0.cell(object) }),
                        "object": [
                            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                            "metadata": object["metadata"] ?? [:],
                        ],
                    ]
                }),
        ]
    }

    private static func columns(of type: ResourceType) -> [Column] {
        func text(_ path: String...) -> (JSONValue) -> JSONValue {
            { .string($0[path: path]?.string ?? "") }
        }
        func count(_ path: String...) -> (JSONValue) -> JSONValue {
            { .string("\($0[path: path]?.integer ?? 0)") }
        }
        let name = Column(name: "Name", cell: text("metadata", "name"))
        let age = Column(name: "Age") { .string(Self.age($0[path: ["metadata", "creationTimestamp"]]?.string)) }
        switch type.plural {
        case "deployments":
            let ready = Column(name: "Ready") { object in
                let ready = object[path: ["status", "readyReplicas"]]?.integer ?? 0
                return .string("\(ready)/\(object[path: ["spec", "replicas"]]?.integer ?? 1)")
            }
            return [
                name, ready, Column(name: "Up-to-date", cell: count("status", "updatedReplicas")),
                Column(name: "Available", cell: count("status", "availableReplicas")), age,
            ]
        case "pods": return [name, Column(name: "Status", cell: text("status", "phase")), age]
        case "nodes":
            let status = Column(name: "Status") { node in
                .string(node[path: ["spec", "unschedulable"]]?.bool == true ? "Ready,SchedulingDisabled" : "Ready")
            }
            return [name, status, age]
        default: return [name, age]
        }
    }

    private static func age(_ created: String?) -> String {
        guard let created, let date = try? Date.ISO8601FormatStyle().parse(created) else { return "<unknown>" }
        return "\(max(0, Int(Date().timeIntervalSince(date))))s"
    }
}
