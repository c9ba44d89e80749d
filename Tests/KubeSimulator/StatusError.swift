import Foundation
import Kubernetes

/// A refusal in the form of `metav1.Status`.
struct StatusError: Error {
    var code: Int
    var reason: String
    var message: String
    var causes: [JSONValue] = []
    var retryAfter: Int?

    static func notFound(_ type: ResourceType, _ name: String) -> StatusError {
        StatusError(code: 404, reason: "NotFound", message: "\(type.qualifiedName) \"\(name)\" not found")
    }

    static func conflict(_ type: ResourceType, _ name: String, _ why: String) -> StatusError {
        StatusError(
            code: 409, reason: "Conflict",
            message: "Operation cannot be fulfilled on \(type.qualifiedName) \"\(name)\": \(why)")
    }

    static func invalid(_ type: ResourceType, _ name: String, _ why: String) -> StatusError {
        StatusError(code: 422, reason: "Invalid", message: "\(type.kind) \"\(name)\" is invalid: \(why)")
    }

    static func bad(_ message: String) -> StatusError {
        StatusError(code: 400, reason: "BadRequest", message: message)
    }

    static let expired = StatusError(
        code: 410, reason: "Expired", message: "The resourceVersion for the provided watch or list is too old.")

    var status: JSONValue {
        var details: JSONValue = [:]
        if !causes.isEmpty { details["causes"] = .array(causes) }
        if let retryAfter { details["retryAfterSeconds"] = .integer(Int64(retryAfter)) }
        return [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason), "code": .integer(Int64(code)), "details": details,
        ]
    }

    var response: KubernetesResponse {
        var headers = ["content-type": "application/json"]
        if let retryAfter { headers["retry-after"] = "\(retryAfter)" }
        return KubernetesResponse(status: code, headers: headers, body: Data(status.canonical))
    }
}
