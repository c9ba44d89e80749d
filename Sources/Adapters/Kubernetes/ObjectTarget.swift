import Authority
import Bus
import Foundation
import Model
import Remediation

/// Changes one object as the plan says, exactly once.
///
/// Every patch carries uid and resource version of the object that was just read, and the operation id as an
/// annotation: a request that arrives late fails, and one that was carried out is recognised. Before each patch the
/// object must be as the plan found it, or as our own last step left it: uid, generation, and the digest of the fields
/// that are touched.
package struct ObjectTarget: ActionTarget {
    /// Annotation that names the last operation on an object.
    package static let operationAnnotation = "sre-agent.io/operation"
    /// Annotation that names the plan of the last operation, for people.
    static let planAnnotation = "sre-agent.io/plan"
    /// Annotation with the term of the leader that carried it out.
    static let termAnnotation = "sre-agent.io/term"
    /// Attempts after a conflict without a change of what matters.
    private static let conflicts = 5

    private let client: KubernetesClient
    private let digest: any Digest
    private let sleep: @Sendable (Duration) async throws -> Void

    /// A target that waits between attempts with `sleep`.
    package init(
        client: KubernetesClient, digest: any Digest,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await ContinuousClock().sleep(for: $0) }
    ) {
        self.client = client
        self.digest = digest
        self.sleep = sleep
    }

    package var types: Set<ActionType> {
        [.rolloutRestart, .scale, .rollbackRevision, .rollbackConfig, .shiftTraffic, .cordon, .uncordon]
    }

    package func labels(of target: Entity) async throws -> [String: String] {
        guard target.kind == "Deployment" else { return [:] }
        return try await client.find(try ObjectPath.deployment(target, .rolloutRestart))?.labels ?? [:]
    }

    package func objection(
        to person: Policy.ClusterUser, carryingOut action: Action, on target: Entity
    ) async throws -> String? {
        guard let kind = ObjectActions.of(action.type) else { return nil }
        let question = try AccessQuestion(patching: try kind.object(action, target))
        return try await client.objection(to: person, question)
    }

    // MARK: Before

    package func prepare(_ request: ActionRequest) async -> Preparation {
        do {
            let operation = try Operation(request)
            let before = try await client.get(operation.path)
            if before.annotations[Self.operationAnnotation] == request.operationID {
                return .ready("carried out already")
            }
            if let reason = changed(before, operation) { return .stale(reason) }
            try await checkRights(operation)
            let patch = try await patch(operation, before)
            let after = try await client.patch(operation.path, patch, dryRun: true)
            let changes = FieldDifference.between(before, after, step: request.index)
            return .ready(
                changes.isEmpty ? "nothing changes" : changes.map(\.readable).joined(separator: ", "),
                backup: before.backup)
        } catch {
            switch error.kind {
            case .notFound: return .stale(error.description)
            case .refused, .unauthorized, .exists: return .refused(error.description)
            case .conflict, .busy, .expired, .unknown: return .unavailable(error.description)
            }
        }
    }

    private func checkRights(_ operation: Operation) async throws(KubernetesError) {
        let question = try operation.question
        guard try await client.mayI(question) else {
            throw KubernetesError(.refused, "this service account may not \(question)")
        }
    }

    // MARK: Acting

    package func perform(_ request: ActionRequest, brake: @escaping Brake) async -> ActionResult {
        let operation: Operation
        do {
            operation = try Operation(request)
        } catch {
            return .refused(error.description)
        }
        let deadline = ContinuousClock.now + .seconds(request.timeoutSeconds)
        var attempt = Attempt()
        while ContinuousClock.now < deadline, !Task.isCancelled, attempt.conflicts <= Self.conflicts {
            do {
                if let result = try await self.attempt(operation, &attempt, brake, until: deadline) { return result }
            } catch {
                attempt.reason = error.description
                switch error.kind {
                case .notFound: return .stale(error.description)
                case .refused, .unauthorized, .exists: return await refuse(operation, attempt)
                case .busy(let wait): try? await sleep(min(wait, deadline - .now))
                case .conflict:
                    attempt.conflicts += 1
                    try? await sleep(attempt.backoff.next(random: .random(in: 0..<1)))
                // Nobody knows: the next round reads the object and recognises our own operation.
                case .unknown, .expired:
                    attempt.isUnknown = attempt.isUnknown || attempt.isSent
                    try? await sleep(attempt.backoff.next(random: .random(in: 0..<1)))
                }
            }
        }
        return await conclude(operation, attempt)
    }

    private struct Attempt {
        var conflicts = 0
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(2))
        var reason = "no attempt was made"
        /// A patch was sent.
        var isSent = false
        /// A patch was sent and nobody knows what became of it.
        var isUnknown = false
    }

    /// One round: read, compare, patch.
    ///
    /// - Returns: the result; `nil` to try again.
    private func attempt(
        _ operation: Operation, _ attempt: inout Attempt, _ brake: Brake, until deadline: ContinuousClock.Instant
    ) async throws(KubernetesError) -> ActionResult? {
        let before = try await client.get(operation.path)
        if before.annotations[Self.operationAnnotation] == operation.request.operationID {
            return .adopted(await settled(operation, before, "was carried out already", until: deadline))
        }
        if let reason = changed(before, operation) {
            return attempt.isUnknown
                ? .unknown("\(attempt.reason); \(reason), so nobody can tell whether it was carried out")
                : .stale(reason)
        }
        let patch = try await patch(operation, before)
        if let reason = await brake() {
            attempt.reason = reason
            try? await sleep(.milliseconds(200))
            return nil
        }
        attempt.isSent = true
        let after = try await client.patch(operation.path, patch)
        let changes = FieldDifference.between(before, after, step: operation.request.index)
        let detail = changes.isEmpty ? "nothing changed" : changes.map(\.readable).joined(separator: ", ")
        return .applied(await settled(operation, after, detail, until: deadline))
    }

    private func refuse(_ operation: Operation, _ attempt: Attempt) async -> ActionResult {
        attempt.isUnknown ? await conclude(operation, attempt) : .refused(attempt.reason)
    }

    private func conclude(_ operation: Operation, _ attempt: Attempt) async -> ActionResult {
        guard attempt.isSent else { return .refused(attempt.reason) }
        switch await inspect(operation.request) {
        case .applied(let change): return .adopted(change)
        case .untouched where !attempt.isUnknown: return .refused(attempt.reason)
        // A request that was sent and not answered may still arrive; only its resource version would stop it.
        case .untouched: return .unknown("\(attempt.reason); the object is untouched so far")
        case .unclear(let why): return .unknown("\(attempt.reason); \(why)")
        }
    }

    // MARK: Afterwards

    package func inspect(_ request: ActionRequest) async -> Inspection {
        do {
            let operation = try Operation(request)
            let current = try await client.get(operation.path)
            if current.annotations[Self.operationAnnotation] == request.operationID {
                return .applied(change(operation, current, "the annotation of the object names this operation"))
            }
            if let reason = changed(current, operation) { return .unclear(reason) }
            return .untouched
        } catch {
            return .unclear(error.description)
        }
    }

    /// Waits until the controllers have carried the change out.
    private func settled(
        _ operation: Operation, _ after: KubernetesObject, _ detail: String,
        until deadline: ContinuousClock.Instant
    ) async -> AppliedChange {
        var result = change(operation, after, detail)
        while !Task.isCancelled {
            do throws(KubernetesError) {
                let current = try await client.get(operation.path)
                if operation.kind.isSettled(current) { return result }
                guard current.uid == after.uid, current.generation == after.generation else {
                    result.isSettled = false
                    result.detail += "; somebody else changed the object before the rollout was complete"
                    return result
                }
            } catch  where error.kind == .notFound {
                result.isSettled = false
                result.detail += "; the object was deleted before the rollout was complete"
                return result
            } catch {
                // Asked again until the step's time is over.
            }
            guard ContinuousClock.now < deadline else { break }
            try? await sleep(.milliseconds(250))
        }
        result.isSettled = false
        result.detail += "; the rollout is not complete after \(operation.request.timeoutSeconds) s"
        return result
    }

    private func change(_ operation: Operation, _ object: KubernetesObject, _ detail: String) -> AppliedChange {
        AppliedChange(
            detail, object: operation.path,
            state: ObjectState(
                generation: object.generation, digest: ObjectDigest.of(object, operation.touched, digest)))
    }

    // MARK: Comparing and patching

    /// Why the object is not what the plan was made for; `nil` when it is.
    private func changed(_ current: KubernetesObject, _ operation: Operation) -> String? {
        let pin = operation.pin
        guard current.uid == pin.uid else { return "\(current.name) is another object of the same name" }
        let expected = operation.request.left
        let generation = expected?.generation ?? pin.generation
        if generation != 0 {
            // The generation counts every change of the specification, ours and everybody else's.
            guard current.generation == generation else {
                return "\(current.name) was changed by somebody else (generation \(current.generation), expected "
                    + "\(generation))"
            }
        } else {
            guard ObjectDigest.of(current, operation.touched, digest) == expected?.digest ?? pin.digest else {
                return "\(current.name) was changed by somebody else"
            }
        }
        if expected == nil, ObjectDigest.of(current, operation.touched, digest) != pin.digest {
            return "the fields of \(current.name) are not those that the plan was made for"
        }
        return nil
    }

    private func patch(
        _ operation: Operation, _ current: KubernetesObject
    ) async throws(KubernetesError) -> JSONValue {
        let request = operation.request
        var patch = try await operation.kind.patch(
            request.action, request.target, current: current, stamp: request.planID, client: client, digest: digest)
        patch["metadata"] = [
            "uid": .string(current.uid), "resourceVersion": .string(current.resourceVersion),
            "annotations": [
                Self.operationAnnotation: .string(request.operationID), Self.planAnnotation: .string(request.planID),
                Self.termAnnotation: .string("\(request.term)"),
            ],
        ]
        return patch
    }

    /// A request with the object it is about.
    private struct Operation: Sendable {
        let request: ActionRequest
        let kind: any ObjectAction
        let path: String
        let pin: Pin

        init(_ request: ActionRequest) throws(KubernetesError) {
            guard let kind = ObjectActions.of(request.action.type) else {
                throw KubernetesError(.refused, "\(request.action.type.rawValue) is not a change to an object")
            }
            guard let pin = request.action.pin else {
                throw KubernetesError(.refused, "the plan does not say which object it was made for")
            }
            self.request = request
            self.kind = kind
            self.pin = pin
            path = try kind.object(request.action, request.target)
            // The path follows from checked names; a pin that names another object is no pin for this one.
            guard pin.object == path else {
                throw KubernetesError(.refused, "the plan is pinned to \(pin.object), not to \(path)")
            }
        }

        var touched: [[String]] { kind.touched(request.action) }

        var question: AccessQuestion {
            get throws(KubernetesError) { try AccessQuestion(patching: path) }
        }
    }
}

extension AccessQuestion {
    /// Whether an object may be patched, from its path.
    init(patching path: String) throws(KubernetesError) {
        var parts = path.split(separator: "/").map(String.init)[...]
        let isCore = parts.popFirst() == "api"
        let group = isCore ? "" : parts.popFirst() ?? ""
        parts = parts.dropFirst()
        var namespace = ""
        if parts.first == "namespaces", parts.count >= 4 {
            namespace = parts[parts.startIndex + 1]
            parts = parts.dropFirst(2)
        }
        guard parts.count == 2, let resource = parts.first, let name = parts.last else {
            throw KubernetesError(.refused, "\(path) is not the path of an object")
        }
        self.init("patch", group: group, resource: resource, namespace: namespace, name: name)
    }
}
