import Bus
import Foundation
import Model

/// Leader election on a `coordination.k8s.io/v1` Lease.
///
/// The record of the bus maps onto the Lease: the owner is `holderIdentity`, the token `leaseTransitions`, the beat the
/// resource version. The token therefore grows with every change of hands, whatever happens to the store.
package struct KubernetesLeases: LeaseAuthority {
    private let client: KubernetesClient
    private let namespace: String
    private let durationSeconds: Int64

    /// Leases in the agent's own namespace; the duration is shown in them for people and other tools.
    package init(client: KubernetesClient, namespace: String, durationSeconds: Int64 = 15) {
        self.client = client
        self.namespace = namespace
        self.durationSeconds = durationSeconds
    }

    private var collection: String { "/apis/coordination.k8s.io/v1/namespaces/\(namespace)/leases" }

    package func lease(_ key: String) async throws(BusError) -> LeaseRecord? {
        try await asBus { () async throws(KubernetesError) in
            try await client.find("\(collection)/\(key)").map(Self.record)
        }
    }

    package func takeLease(
        _ key: String, owner: String, expected: LeaseRecord?
    ) async throws(BusError) -> LeaseTaken {
        try await asBus { () async throws(KubernetesError) in
            guard let expected else {
                do throws(KubernetesError) {
                    let made = try await client.create(collection, lease(key, owner, transitions: 1, version: nil))
                    return .taken(Self.record(made))
                } catch  where error.kind == .exists {
                    return .refused(try await current(key))
                }
            }
            let object = try await client.get("\(collection)/\(key)")
            guard Self.record(object) == expected else { return .refused(Self.record(object)) }
            do throws(KubernetesError) {
                let taken = try await client.replace(
                    "\(collection)/\(key)",
                    lease(key, owner, transitions: expected.token + 1, version: object.resourceVersion))
                return .taken(Self.record(taken))
            } catch  where error.kind == .conflict {
                return .refused(try await current(key))
            }
        }
    }

    package func beatLease(_ proof: LeaseProof) async throws(BusError) -> Bool {
        try await write(proof, owner: proof.owner)
    }

    package func releaseLease(_ proof: LeaseProof) async throws(BusError) { _ = try await write(proof, owner: "") }

    private func write(_ proof: LeaseProof, owner: String) async throws(BusError) -> Bool {
        try await asBus { () async throws(KubernetesError) in
            guard let object = try await client.find("\(collection)/\(proof.key)") else { return false }
            let record = Self.record(object)
            guard record.owner == proof.owner, record.token == proof.token else { return false }
            do throws(KubernetesError) {
                _ = try await client.replace(
                    "\(collection)/\(proof.key)",
                    lease(proof.key, owner, transitions: proof.token, version: object.resourceVersion))
                return true
            } catch  where error.kind == .conflict {
                return false
            }
        }
    }

    private func current(_ key: String) async throws(KubernetesError) -> LeaseRecord {
        Self.record(try await client.get("\(collection)/\(key)"))
    }

    private static func record(_ object: KubernetesObject) -> LeaseRecord {
        let spec = object.value["spec"] ?? .null
        var beat = StableHash()
        beat.combine(object.resourceVersion)
        return LeaseRecord(
            owner: spec["holderIdentity"]?.string ?? "", token: Int64(spec["leaseTransitions"]?.integer ?? 0),
            beat: Int64(bitPattern: beat.value))
    }

    private func lease(_ key: String, _ owner: String, transitions: Int64, version: String?) -> JSONValue {
        // Microseconds, so that each renewal is a change: the server drops writes that change nothing.
        let now = Date().timeIntervalSince1970
        let seconds = now.rounded(.down)
        let microseconds = String(Int((now - seconds) * 1_000_000))
        let fraction = String(repeating: "0", count: 6 - microseconds.count) + microseconds
        let time = Timestamp(milliseconds: Int64(seconds) * 1_000).description.dropLast()
        var metadata: JSONValue = ["name": .string(key), "namespace": .string(namespace)]
        if let version { metadata["resourceVersion"] = .string(version) }
        return [
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
            "spec": [
                "holderIdentity": .string(owner), "leaseTransitions": .integer(transitions),
                "leaseDurationSeconds": .integer(durationSeconds), "renewTime": .string("\(time).\(fraction)Z"),
            ],
        ]
    }

    private func asBus<Result: Sendable>(
        _ body: () async throws(KubernetesError) -> Result
    ) async throws(BusError) -> Result {
        do {
            return try await body()
        } catch {
            switch error.kind {
            case .unknown, .busy, .conflict, .expired:
                throw BusError(.unavailable, error.description, outcomeUnknown: error.kind == .unknown)
            case .refused, .notFound, .exists, .unauthorized: throw BusError(.refused, error.description)
            }
        }
    }
}
