import Authority
import Bus
import Model
import Remediation

/// Lets pods go by eviction: one that is to be restarted, or all of a node that is to be drained.
///
/// An eviction carries the uid of the pod, so it can never hit the pod that took its place. A pod that is gone already
/// counts as done: who took it away cannot be told.
package struct PodTarget: ActionTarget {
    private let client: KubernetesClient
    private let sleep: @Sendable (Duration) async throws -> Void

    /// A target that waits between attempts with `sleep`.
    package init(
        client: KubernetesClient,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await ContinuousClock().sleep(for: $0) }
    ) {
        self.client = client
        self.sleep = sleep
    }

    package var types: Set<ActionType> { [.restartPod, .drain] }

    /// A pod as a plan names it: `namespace/name=uid`.
    package struct Victim: Sendable, Equatable {
        package var namespace: String
        package var name: String
        package var uid: String

        package init(namespace: String, name: String, uid: String) {
            self.namespace = namespace
            self.name = name
            self.uid = uid
        }

        /// Reads a list as ``text(of:)`` writes it.
        static func list(_ action: Action) throws(KubernetesError) -> [Victim] {
            var victims: [Victim] = []
            for part in (action.parameters["pods"] ?? "").split(separator: ",") {
                let sides = part.split(separator: "=", maxSplits: 1).map(String.init)
                let names = (sides.first ?? "").split(separator: "/").map(String.init)
                guard sides.count == 2, names.count == 2, !sides[1].isEmpty else {
                    throw KubernetesError(.refused, "pods has '\(part)'; valid: namespace/name=uid")
                }
                victims.append(
                    Victim(
                        namespace: try ObjectPath.checked(names[0]), name: try ObjectPath.checked(names[1]),
                        uid: sides[1]))
            }
            guard !victims.isEmpty || action.type == .drain else {
                throw KubernetesError(.refused, "the plan does not say which pod")
            }
            return victims
        }

        static func text(of victims: [Victim]) -> String {
            victims.map { "\($0.namespace)/\($0.name)=\($0.uid)" }.joined(separator: ",")
        }

        var path: String { "/api/v1/namespaces/\(namespace)/pods/\(name)" }
    }

    package func objection(
        to person: Policy.ClusterUser, carryingOut action: Action, on target: Entity
    ) async throws -> String? {
        for namespace in Set(try Victim.list(action).map(\.namespace)).sorted() {
            let question = AccessQuestion(
                "create", resource: "pods", subresource: "eviction", namespace: namespace)
            if let objection = try await client.objection(to: person, question) { return objection }
        }
        return nil
    }

    private func remaining(_ action: Action) async throws(KubernetesError) -> [Victim] {
        var rest: [Victim] = []
        for victim in try Victim.list(action) {
            guard let pod = try await client.find(victim.path), pod.uid == victim.uid, !pod.isTerminating else {
                continue
            }
            rest.append(victim)
        }
        return rest
    }

    package func prepare(_ request: ActionRequest) async -> Preparation {
        do {
            let rest = try await remaining(request.action)
            for namespace in Set(rest.map(\.namespace)).sorted() {
                let question = AccessQuestion(
                    "create", resource: "pods", subresource: "eviction", namespace: namespace)
                guard try await client.mayI(question) else {
                    return .refused("this service account may not \(question)")
                }
            }
            if let node = try await uncordonedNode(request) { return .stale("the node \(node) takes pods again") }
            return .ready(rest.isEmpty ? "the pods are gone already" : "\(rest.count) pods would be evicted")
        } catch {
            switch error.kind {
            case .refused, .unauthorized, .notFound, .exists: return .refused(error.description)
            case .conflict, .busy, .expired, .unknown: return .unavailable(error.description)
            }
        }
    }

    /// A node that is drained must be cordoned, or the pods come back to it.
    private func uncordonedNode(_ request: ActionRequest) async throws(KubernetesError) -> String? {
        guard request.action.type == .drain else { return nil }
        let name = try Cordon.node(request.action, request.target)
        let node = try await client.get(try ObjectPath.make("v1", "nodes", name: name))
        return node.value[path: ["spec", "unschedulable"]]?.bool == true ? nil : name
    }

    package func perform(_ request: ActionRequest, brake: @escaping Brake) async -> ActionResult {
        let deadline = ContinuousClock.now + .seconds(request.timeoutSeconds)
        var reason = "no attempt was made"
        var evicted = 0
        while !Task.isCancelled {
            do {
                let rest = try await remaining(request.action)
                guard let victim = rest.first else {
                    return evicted == 0
                        ? .adopted(AppliedChange("the pods are gone already"))
                        : .applied(AppliedChange("\(evicted) pods were evicted"))
                }
                guard ContinuousClock.now < deadline else { break }
                if let why = await brake() {
                    reason = why
                    try? await sleep(.milliseconds(200))
                    continue
                }
                // A repetition after a lost answer finds another uid, or none.
                try await client.evict(namespace: victim.namespace, pod: victim.name, uid: victim.uid)
                evicted += 1
            } catch {
                reason = error.description
                switch error.kind {
                case .refused, .unauthorized, .exists: return evicted == 0 ? .refused(reason) : .unknown(reason)
                case .notFound, .conflict: continue
                case .busy(let wait): try? await sleep(min(wait, max(.zero, deadline - .now)))
                case .unknown, .expired: try? await sleep(.milliseconds(200))
                }
                guard ContinuousClock.now < deadline else { break }
            }
        }
        switch await inspect(request) {
        case .applied(let change): return .adopted(change)
        case .untouched where evicted == 0: return .refused(reason)
        case .untouched: return .unknown("\(evicted) pods were evicted, then: \(reason)")
        case .unclear(let why): return .unknown("\(reason); \(why)")
        }
    }

    package func inspect(_ request: ActionRequest) async -> Inspection {
        do {
            let rest = try await remaining(request.action)
            return rest.isEmpty ? .applied(AppliedChange("the pods are gone")) : .untouched
        } catch {
            return .unclear(error.description)
        }
    }
}
