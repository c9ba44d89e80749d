import Kubernetes

/// Something that goes wrong with one request.
package struct Fault: Sendable, Codable, Equatable {
    /// What goes wrong.
    package enum Kind: String, Sendable, Codable, CaseIterable {
        /// The server never acts and never answers.
        case timeoutBefore = "timeout-before"
        /// The server acts and never answers.
        case timeoutAfter = "timeout-after"
        /// Answered with `status`, without acting.
        case status
        /// The server acts and answers with `status`.
        case statusAfter = "status-after"
        /// The server acts and breaks the connection within the answer.
        case truncated
        /// Answered after `milliseconds`.
        case slow
    }

    /// What goes wrong.
    package var kind: Kind
    /// HTTP status of ``Kind/status`` and ``Kind/statusAfter``.
    package var status: Int?
    /// Milliseconds of ``Kind/slow``.
    package var milliseconds: Int?
    /// Seconds in `Retry-After`.
    package var retryAfter: Int?
    /// Verb that it happens to; `nil`: every request that changes something.
    package var verb: String?
    /// Plural name of the resource that it happens to; `nil`: any.
    package var resource: String?
    /// Requests that fit and pass before it happens.
    package var skip: Int?

    package init(
        _ kind: Kind, status: Int? = nil, milliseconds: Int? = nil, retryAfter: Int? = nil, verb: String? = nil,
        resource: String? = nil, skip: Int? = nil
    ) {
        self.kind = kind
        self.status = status
        self.milliseconds = milliseconds
        self.retryAfter = retryAfter
        self.verb = verb
        self.resource = resource
        self.skip = skip
    }

    func fits(_ info: RequestInfo, isDryRun: Bool) -> Bool {
        if let resource, resource != info.type.plural { return false }
        if let verb { return verb == info.verb }
        return info.isWrite && !isDryRun
    }
}

/// Somebody else who changes an object at the worst moment, once.
package struct Adversary: Sendable, Codable {
    /// Before or after the request that it waits for.
    package enum Moment: String, Sendable, Codable {
        case before, after
    }

    package var moment: Moment
    /// Verb that it waits for.
    package var verb: String
    /// Plural name of the resource that it waits for.
    package var resource: String
    /// Whether a dry run counts.
    package var onDryRun: Bool
    /// Path of the object that is changed.
    package var path: String
    /// Merge patch; `null` deletes the object.
    package var patch: JSONValue
    /// Field manager, such as `kubectl-edit`, `horizontal-pod-autoscaler` or `argocd-controller`.
    package var manager: String
    /// Requests that fit and pass before it acts.
    package var skip: Int

    package init(
        _ moment: Moment, _ verb: String, _ resource: String, path: String, patch: JSONValue,
        manager: String = "kubectl-edit", onDryRun: Bool = false, skip: Int = 0
    ) {
        self.moment = moment
        self.verb = verb
        self.resource = resource
        self.path = path
        self.patch = patch
        self.manager = manager
        self.onDryRun = onDryRun
        self.skip = skip
    }
}

/// A change that was applied: the ground truth about effects.
package struct Effect: Sendable, Codable, Equatable {
    /// Resource version after it.
    package var version: Int
    /// User that asked for it.
    package var user: String
    package var manager: String
    package var verb: String
    /// `deployments.apps`.
    package var resource: String
    package var subresource: String
    package var namespace: String
    package var name: String
    /// The annotation `sre-agent.io/operation` after it.
    package var operation: String
    /// Whether anything outside metadata changed.
    package var changedSpecification: Bool
}
