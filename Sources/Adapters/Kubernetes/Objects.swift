import Foundation

/// What is read of `metadata`.
struct Metadata: Decodable, Sendable {
    struct Owner: Decodable, Sendable {
        var uid: String
    }

    var name: String
    var uid: String
    var resourceVersion: String
    var generation: Int64?
    var annotations: [String: String]?
    var ownerReferences: [Owner]?
}

/// What is read of an `apps/v1` Deployment.
struct Deployment: Decodable, Sendable {
    struct Spec: Decodable, Sendable {
        var replicas: Int?
        var template: PodTemplate
    }

    struct Status: Decodable, Sendable {
        var observedGeneration: Int64?
        var updatedReplicas: Int?
        var availableReplicas: Int?
        var replicas: Int?
    }

    var metadata: Metadata
    var spec: Spec
    var status: Status?

    var operation: String? { metadata.annotations?[DeploymentTarget.operationAnnotation] }

    /// As `kubectl rollout status` judges it.
    var isRolledOut: Bool {
        guard let status, let observed = status.observedGeneration, observed >= metadata.generation ?? 0 else {
            return false
        }
        let wanted = spec.replicas ?? 1
        return status.updatedReplicas ?? 0 == wanted && status.availableReplicas ?? 0 == wanted
            && status.replicas ?? 0 == wanted
    }
}

/// What is read of an `apps/v1` ReplicaSet.
struct ReplicaSet: Decodable, Sendable {
    private struct Spec: Decodable, Sendable {
        var template: PodTemplate
    }

    var metadata: Metadata
    private var spec: Spec

    var template: PodTemplate { spec.template }
    var revision: Int? { metadata.annotations?[DeploymentTarget.revisionAnnotation].flatMap { Int($0) } }
}

struct ReplicaSetList: Decodable, Sendable {
    var items: [ReplicaSet]
}

/// A pod template, kept whole.
struct PodTemplate: Decodable, Sendable, Equatable {
    private indirect enum Value: Decodable, Sendable, Equatable {
        case object([String: Value])
        case array([Value])
        case string(String)
        case integer(Int64)
        case number(Double)
        case bool(Bool)
        case null

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? container.decode(Int64.self) {
                self = .integer(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else if let value = try? container.decode(String.self) {
                self = .string(value)
            } else if let value = try? container.decode([Value].self) {
                self = .array(value)
            } else {
                self = .object(try container.decode([String: Value].self))
            }
        }

        var json: Any {
            switch self {
            case .object(let members): members.mapValues(\.json)
            case .array(let elements): elements.map(\.json)
            case .string(let text): text
            case .integer(let value): value
            case .number(let value): value
            case .bool(let value): value
            case .null: NSNull()
            }
        }
    }

    private var value: Value

    init(from decoder: any Decoder) throws { value = try Value(from: decoder) }

    var json: Any { value.json }

    /// Images of the containers, in order.
    var images: [String] {
        guard case .object(let members) = value, case .object(let spec)? = members["spec"],
            case .array(let containers)? = spec["containers"]
        else { return [] }
        return containers.compactMap { container in
            guard case .object(let fields) = container, case .string(let image)? = fields["image"] else { return nil }
            return image
        }
    }

    mutating func removeLabel(_ name: String) {
        guard case .object(var members) = value, case .object(var metadata)? = members["metadata"],
            case .object(var labels)? = metadata["labels"]
        else { return }
        labels[name] = nil
        metadata["labels"] = .object(labels)
        members["metadata"] = .object(metadata)
        value = .object(members)
    }
}
