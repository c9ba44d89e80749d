import Bus
import Model

/// One kind of change to one object: which fields it touches, and what it makes of them.
///
/// Everything it makes follows from the plan's parameters and the pinned state of the object, so that a repetition makes
/// the same.
protocol ObjectAction: Sendable {
    /// Path of the object that is changed.
    func object(_ action: Action, _ target: Entity) throws(KubernetesError) -> String

    /// Fields that are touched.
    func touched(_ action: Action) -> [[String]]

    /// Fills in what the plan must say exactly, such as a number for `+1`.
    ///
    /// - Parameter current: the object as it is, or as earlier steps of the plan leave it.
    func resolve(
        _ action: Action, _ target: Entity, current: KubernetesObject, client: KubernetesClient, digest: any Digest
    ) async throws(KubernetesError) -> [String: String]

    /// The merge patch, without metadata.
    ///
    /// - Parameter stamp: names the plan, for fields that must differ from plan to plan.
    func patch(
        _ action: Action, _ target: Entity, current: KubernetesObject, stamp: String, client: KubernetesClient,
        digest: any Digest
    ) async throws(KubernetesError) -> JSONValue

    /// Whether the controllers have carried the change out.
    func isSettled(_ object: KubernetesObject) -> Bool
}

extension ObjectAction {
    func resolve(
        _ action: Action, _ target: Entity, current: KubernetesObject, client: KubernetesClient, digest: any Digest
    ) async throws(KubernetesError) -> [String: String] { action.parameters }

    func isSettled(_ object: KubernetesObject) -> Bool { true }

    /// A parameter that must be there.
    func parameter(_ name: String, _ action: Action) throws(KubernetesError) -> String {
        guard let value = action.parameters[name], !value.isEmpty else {
            throw KubernetesError(.refused, "the parameter '\(name)' of \(action.type.rawValue) is missing")
        }
        return value
    }
}

/// Paths of the API, made of checked names only.
enum ObjectPath {
    /// Path of an object.
    static func make(
        _ group: String, _ plural: String, namespace: String? = nil, name: String
    ) throws(KubernetesError) -> String {
        var path = group.contains("/") ? "/apis/\(group)" : "/api/\(group)"
        if let namespace { path += "/namespaces/\(try checked(namespace))" }
        return path + "/\(plural)/\(try checked(name))"
    }

    /// Path of the Deployment that an entity names.
    static func deployment(_ target: Entity, _ type: ActionType) throws(KubernetesError) -> String {
        guard target.kind == "Deployment" else {
            throw KubernetesError(.refused, "\(type.rawValue) needs a Deployment, not a \(target.kind)")
        }
        return try make("apps/v1", "deployments", namespace: target.namespace, name: target.name)
    }

    /// A name as Kubernetes allows it (RFC 1123), so that it cannot lead anywhere else.
    static func checked(_ name: String) throws(KubernetesError) -> String {
        let isValid =
            !name.isEmpty && name.utf8.count <= 253
            && name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-" || $0 == ".") }
            && !name.contains("..") && name != "."
        guard isValid else { throw KubernetesError(.refused, "'\(name)' is not a name of Kubernetes (RFC 1123)") }
        return name
    }
}

/// Digests of the parts of objects that a plan relies on.
enum ObjectDigest {
    /// Digest of the touched fields of an object.
    static func of(_ object: KubernetesObject, _ touched: [[String]], _ digest: any Digest) -> String {
        of(.array(touched.map { object.value[path: $0] ?? .null }), digest)
    }

    /// Digest of a value.
    static func of(_ value: JSONValue, _ digest: any Digest) -> String { digest.sha256(value.canonical) }
}

/// The closed catalogue of changes to objects.
enum ObjectActions {
    /// The action of a type; `nil` for types that are no change to one object.
    static func of(_ type: ActionType) -> (any ObjectAction)? {
        switch type {
        case .rolloutRestart: RolloutRestart()
        case .scale: Scale()
        case .rollbackRevision: RollbackRevision()
        case .rollbackConfig: RollbackConfig()
        case .shiftTraffic: ShiftTraffic()
        case .cordon: Cordon(unschedulable: true)
        case .uncordon: Cordon(unschedulable: false)
        case .restartPod, .drain, .runCommand, .openTicket, .notify, .manual: nil
        }
    }
}
