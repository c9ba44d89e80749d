import Foundation
import Model
import Remediation
import WireFormat

/// Claims as `coordination.k8s.io/v1` Leases in the agent's own namespace, one for each plan's hash.
///
/// Creation and replacement are compare-and-swap of the API server, so there is one claim on a plan's bytes whatever
/// the store, the network or a second executor does.
package struct KubernetesClaims: ClaimStore {
    private static let hashAnnotation = "sre-agent.io/plan-hash"
    private static let progressAnnotation = "sre-agent.io/progress"
    private static let expiresAnnotation = "sre-agent.io/expires"
    private static let claimedAnnotation = "sre-agent.io/claimed"
    private static let approversAnnotation = "sre-agent.io/approvers"
    private static let label = "sre-agent.io/claim"
    /// Milliseconds that a claim outlives the last moment at which its plan may be started.
    private static let retention: Int64 = 86_400_000

    private let client: KubernetesClient
    private let namespace: String

    /// Claims in the agent's own namespace.
    package init(client: KubernetesClient, namespace: String) {
        self.client = client
        self.namespace = namespace
    }

    private var collection: String { "/apis/coordination.k8s.io/v1/namespaces/\(namespace)/leases" }

    /// Name of the claim on a plan.
    package static func name(_ planHash: String) -> String { "sre-x-\(planHash.prefix(40))" }

    package func read(_ planHash: String, target: Entity) async throws(ClaimError) -> Claim? {
        do {
            guard let object = try await client.find("\(collection)/\(Self.name(planHash))") else { return nil }
            return try Self.claim(object)
        } catch {
            throw Self.error(error)
        }
    }

    package func create(_ claim: Claim) async throws(ClaimError) -> Claim? {
        do {
            return try Self.claim(try await client.create(collection, try lease(claim)))
        } catch {
            guard let failure = error as? KubernetesError, failure.kind == .exists else { throw Self.error(error) }
            return nil
        }
    }

    package func replace(_ claim: Claim) async throws(ClaimError) -> Claim? {
        do {
            return try Self.claim(
                try await client.replace("\(collection)/\(Self.name(claim.planHash))", try lease(claim)))
        } catch {
            guard let failure = error as? KubernetesError, failure.kind == .conflict else { throw Self.error(error) }
            return nil
        }
    }

    package func recent(_ target: Entity, since: Timestamp) async throws(ClaimError) -> [Claim] {
        do {
            var claims: [Claim] = []
            for object in try await client.list(collection, labels: "\(Self.label)=true").items {
                let claim = try Self.claim(object)
                let place = claim.progress.target
                guard claim.claimed >= since || !claim.isFinished, place.namespace == target.namespace,
                    place.cluster == target.cluster
                else { continue }
                claims.append(claim)
            }
            return claims
        } catch {
            throw Self.error(error)
        }
    }

    /// Removes claims of executions that are over and whose plans cannot be started any more for a day.
    ///
    /// - Returns: how many.
    package func sweep(now: Timestamp) async throws(KubernetesError) -> Int {
        var removed = 0
        for object in try await client.list(collection, labels: "\(Self.label)=true").items {
            guard let claim = try? Self.claim(object), claim.isFinished,
                now.rawValue > claim.expires.rawValue + Self.retention
            else { continue }
            try await client.delete("\(collection)/\(object.name)", uid: object.uid)
            removed += 1
        }
        return removed
    }

    /// The claims in a list of Leases, as `kubectl get leases -o json` prints it; other Leases are passed over.
    ///
    /// - Throws: `KubernetesError` for what is no such list, and for a claim that cannot be read.
    package static func claims(inList json: Data) throws -> [Claim] {
        guard let list = try? JSONValue(json: json), case .array(let items)? = list["items"] else {
            throw KubernetesError(.refused, "it is not a list of Leases as 'kubectl get leases -o json' prints it")
        }
        return try items.map(KubernetesObject.init).filter { $0.labels[label] == "true" }.map(claim)
    }

    private static func error(_ error: any Error) -> ClaimError {
        guard let error = error as? KubernetesError else { return .refused("\(error)") }
        return switch error.kind {
        case .unknown, .busy, .expired, .conflict: .unavailable(error.description)
        case .refused, .notFound, .exists, .unauthorized: .refused(error.description)
        }
    }

    private func lease(_ claim: Claim) throws -> JSONValue {
        let progress = String(decoding: try claim.progress.canonicalJSON(), as: UTF8.self)
        var metadata: JSONValue = [
            "name": .string(Self.name(claim.planHash)), "namespace": .string(namespace),
            "labels": ["app.kubernetes.io/managed-by": "sre-agent", Self.label: "true"],
            "annotations": [
                Self.hashAnnotation: .string(claim.planHash), Self.progressAnnotation: .string(progress),
                Self.expiresAnnotation: .string("\(claim.expires.rawValue)"),
                Self.claimedAnnotation: .string("\(claim.claimed.rawValue)"),
                Self.approversAnnotation: .string(claim.approvers.joined(separator: "\n")),
            ],
        ]
        if !claim.version.isEmpty { metadata["resourceVersion"] = .string(claim.version) }
        return [
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
            "spec": ["holderIdentity": .string(claim.holder), "leaseTransitions": .integer(claim.term)],
        ]
    }

    private static func claim(_ object: KubernetesObject) throws -> Claim {
        let annotations = object.annotations
        let spec = object.value["spec"] ?? .null
        guard let hash = annotations[hashAnnotation], object.name == name(hash),
            let holder = spec["holderIdentity"]?.string, let term = spec["leaseTransitions"]?.integer,
            let expires = annotations[expiresAnnotation].flatMap({ Int64($0) }),
            let claimed = annotations[claimedAnnotation].flatMap({ Int64($0) }),
            let progress = try? Outcome(json: Array((annotations[progressAnnotation] ?? "").utf8)),
            progress.planHash == hash
        else { throw KubernetesError(.refused, "the claim \(object.name) cannot be read") }
        return Claim(
            planHash: hash, holder: holder, term: Int64(term), expires: Timestamp(milliseconds: expires),
            claimed: Timestamp(milliseconds: claimed), progress: progress,
            approvers: (annotations[approversAnnotation] ?? "").split(separator: "\n").map(String.init),
            version: object.resourceVersion)
    }
}
