import Bus
import Foundation
import Model
import Remediation

/// Restarts, scales and rolls back Deployments.
///
/// Every patch carries uid and resource version of the object that was just read, and the operation id as an
/// annotation: a request that arrives late fails, and one that was carried out is recognised.
package struct DeploymentTarget: ActionTarget {
    /// Annotation that names the last operation on an object.
    package static let operationAnnotation = "sre-agent.io/operation"
    /// Annotation of the pod template that makes the pods be replaced.
    static let restartAnnotation = "kubectl.kubernetes.io/restartedAt"
    /// Annotation of a ReplicaSet with its revision.
    static let revisionAnnotation = "deployment.kubernetes.io/revision"

    private let client: KubernetesClient

    package init(client: KubernetesClient) { self.client = client }

    package var types: Set<ActionType> { [.rolloutRestart, .scale, .rollbackRevision] }

    package func prepare(_ request: ActionRequest) async -> Preparation {
        do {
            let before = try await deployment(request)
            let change = try await change(request, before)
            let after: Deployment = try await client.patch(
                path(request), patch(change, before, request), dryRun: true)
            return .ready(Self.difference(before, after))
        } catch {
            switch error.kind {
            case .notFound: return .stale(error.description)
            case .refused, .unauthorized: return .refused(error.description)
            case .conflict, .busy, .unknown: return .unavailable(error.description)
            }
        }
    }

    package func perform(_ request: ActionRequest) async -> ActionResult {
        let deadline = ContinuousClock.now + .seconds(request.timeoutSeconds)
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(2))
        var reason = "no attempt was made"
        while ContinuousClock.now < deadline, !Task.isCancelled {
            do {
                let before = try await deployment(request)
                if before.operation == request.operationID {
                    return .adopted(await rollout(request, until: deadline))
                }
                let change = try await change(request, before)
                let after: Deployment = try await client.patch(
                    path(request), patch(change, before, request), dryRun: false)
                return .applied("\(Self.difference(before, after)); \(await rollout(request, until: deadline))")
            } catch {
                reason = error.description
                switch error.kind {
                case .notFound: return .stale(reason)
                case .refused, .unauthorized: return .refused(reason)
                case .busy(let wait): try? await ContinuousClock().sleep(for: wait)
                // Not done, or nobody knows: the next round reads the object and recognises our own operation.
                case .conflict, .unknown:
                    try? await ContinuousClock().sleep(for: backoff.next(random: .random(in: 0..<1)))
                }
            }
        }
        switch await inspect(request) {
        case .applied(let detail): return .adopted(detail)
        case .untouched: return .refused(reason)
        case .unclear(let why): return .unknown("\(reason); \(why)")
        }
    }

    package func inspect(_ request: ActionRequest) async -> Inspection {
        do {
            let current = try await deployment(request)
            return current.operation == request.operationID
                ? .applied("the annotation of the object names this operation") : .untouched
        } catch {
            return .unclear(error.description)
        }
    }

    /// Waits until the controller has carried the change out.
    private func rollout(_ request: ActionRequest, until deadline: ContinuousClock.Instant) async -> String {
        while ContinuousClock.now < deadline, !Task.isCancelled {
            if let current = try? await deployment(request), current.isRolledOut { return "the rollout is complete" }
            try? await ContinuousClock().sleep(for: .milliseconds(500))
        }
        return "the rollout is not complete after \(request.timeoutSeconds) s"
    }

    // MARK: Requests

    private func path(_ request: ActionRequest) throws(KubernetesError) -> String {
        guard request.target.kind == "Deployment" else {
            throw KubernetesError(
                .refused, "\(request.action.type.rawValue) needs a Deployment, not a \(request.target.kind)")
        }
        for name in [request.target.namespace, request.target.name] {
            guard !name.isEmpty, name.utf8.count <= 253,
                name.allSatisfy({ $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-" || $0 == ".") })
            else { throw KubernetesError(.refused, "'\(name)' is not a name of Kubernetes (RFC 1123)") }
        }
        return "/apis/apps/v1/namespaces/\(request.target.namespace)/deployments/\(request.target.name)"
    }

    private func deployment(_ request: ActionRequest) async throws(KubernetesError) -> Deployment {
        try await client.get(try path(request))
    }

    private func change(_ request: ActionRequest, _ current: Deployment) async throws(KubernetesError) -> [String: Any]
    {
        switch request.action.type {
        case .rolloutRestart:
            // The plan, not the clock, determines the value: a repetition changes nothing.
            return ["template": ["metadata": ["annotations": [Self.restartAnnotation: request.planID]]]]
        case .scale: return ["replicas": try replicas(request.action.parameters["replicas"] ?? "", current)]
        case .rollbackRevision: return ["template": try await template(request, current)]
        case .runCommand, .manual: throw KubernetesError(.refused, "not an action on a Deployment")
        }
    }

    private func replicas(_ text: String, _ current: Deployment) throws(KubernetesError) -> Int {
        let isRelative = text.hasPrefix("+") || text.hasPrefix("-")
        guard let number = Int(text), abs(number) <= 1_000 else {
            throw KubernetesError(.refused, "replicas is '\(text)'; valid: a number, or +n or -n")
        }
        let wanted = isRelative ? (current.spec.replicas ?? 1) + number : number
        guard (1...1_000).contains(wanted) else {
            throw KubernetesError(.refused, "\(wanted) replicas are not in 1...1000")
        }
        return wanted
    }

    private func template(_ request: ActionRequest, _ current: Deployment) async throws(KubernetesError) -> Any {
        let list: ReplicaSetList = try await client.get(
            "/apis/apps/v1/namespaces/\(request.target.namespace)/replicasets")
        let owned = list.items.filter { item in
            item.metadata.ownerReferences?.contains { $0.uid == current.metadata.uid } ?? false
        }
        let revisions = owned.compactMap { item in item.revision.map { ($0, item) } }.sorted { $0.0 < $1.0 }
        let wanted: (Int, ReplicaSet)?
        let text = request.action.parameters["revision"] ?? ""
        if text == "previous" {
            wanted = revisions.dropLast().last
        } else {
            wanted = revisions.first { "\($0.0)" == text }
        }
        guard let (_, replicaSet) = wanted else {
            throw KubernetesError(
                .refused,
                "there is no revision '\(text)'; there are \(revisions.map { "\($0.0)" }.joined(separator: ", "))")
        }
        var template = replicaSet.template
        template.removeLabel("pod-template-hash")
        return template.json
    }

    private func patch(_ change: [String: Any], _ current: Deployment, _ request: ActionRequest) -> [String: Any] {
        [
            "metadata": [
                "uid": current.metadata.uid, "resourceVersion": current.metadata.resourceVersion,
                "annotations": [Self.operationAnnotation: request.operationID],
            ], "spec": change,
        ]
    }

    private static func difference(_ before: Deployment, _ after: Deployment) -> String {
        var parts: [String] = []
        if before.spec.replicas != after.spec.replicas {
            parts.append("replicas \(before.spec.replicas ?? 1) → \(after.spec.replicas ?? 1)")
        }
        if before.spec.template.images != after.spec.template.images {
            parts.append("images \(before.spec.template.images) → \(after.spec.template.images)")
        } else if before.spec.template != after.spec.template {
            parts.append("the pods are replaced")
        }
        return parts.isEmpty ? "nothing changes" : parts.joined(separator: ", ")
    }
}
