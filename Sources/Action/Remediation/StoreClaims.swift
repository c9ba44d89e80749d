import Bus
import Model
import WireFormat

/// Claims in the bus, for hosts without Kubernetes.
///
/// They hold as long as the store keeps what it was given: at most once, not exactly once. Somebody who can write to
/// the store can remove them; in a cluster, claims live in the Kubernetes API instead.
package struct StoreClaims: ClaimStore {
    private let store: any BusStore
    private let keys: Keys
    private let partitions: Int

    package init(store: any BusStore, keys: Keys, partitions: Int) {
        self.store = store
        self.keys = keys
        self.partitions = partitions
    }

    package func read(_ planHash: String, target: Entity) async throws(ClaimError) -> Claim? {
        let fields: [String: [UInt8]]
        do {
            fields = try await store.fields(keys.claim(planHash, partition(target)))
        } catch {
            throw .unavailable("\(error)")
        }
        return fields.isEmpty ? nil : try Self.claim(planHash, fields)
    }

    package func create(_ claim: Claim) async throws(ClaimError) -> Claim? {
        let partition = partition(claim.progress.target)
        var transaction = try write(claim, version: 1)
        transaction.checks = [.init(key: keys.claim(claim.planHash, partition), field: "version", value: nil)]
        transaction.changes.append(
            .rank(key: keys.claimIndex(partition), member: claim.planHash, score: claim.claimed.rawValue))
        return try await apply(transaction, claim, version: 1)
    }

    package func replace(_ claim: Claim) async throws(ClaimError) -> Claim? {
        guard let version = Int64(claim.version) else { throw .refused("'\(claim.version)' is not a version") }
        return try await apply(try write(claim, version: version + 1), claim, version: version + 1)
    }

    package func recent(_ target: Entity, since: Timestamp) async throws(ClaimError) -> [Claim] {
        let partition = partition(target)
        var claims: [Claim] = []
        do {
            for member in try await store.ranked(keys.claimIndex(partition), minimum: since.rawValue, limit: 1_000) {
                let fields = try await store.fields(keys.claim(member.member, partition))
                if !fields.isEmpty { claims.append(try Self.claim(member.member, fields)) }
            }
        } catch let error as ClaimError {
            throw error
        } catch {
            throw .unavailable("\(error)")
        }
        return claims.filter { $0.progress.target.namespace == target.namespace }
    }

    private func partition(_ target: Entity) -> Partition { Partition(of: target, count: partitions) }

    private func write(_ claim: Claim, version: Int64) throws(ClaimError) -> Transaction {
        let key = keys.claim(claim.planHash, partition(claim.progress.target))
        let progress: [UInt8]
        do {
            progress = try claim.progress.canonicalJSON()
        } catch {
            throw .refused("\(error)")
        }
        var transaction = Transaction(
            checks: [.init(key: key, field: "version", text: claim.version)],
            changes: [
                .set(
                    key: key,
                    fields: [
                        Field("version", "\(version)"), Field("holder", claim.holder), Field("term", "\(claim.term)"),
                        Field("expires", "\(claim.expires.rawValue)"), Field("claimed", "\(claim.claimed.rawValue)"),
                        Field("progress", progress), Field("approvers", claim.approvers.joined(separator: "\n")),
                    ])
            ])
        // Nothing is done under a claim that a failover could forget.
        transaction.isReplicated = true
        return transaction
    }

    private func apply(
        _ transaction: Transaction, _ claim: Claim, version: Int64
    ) async throws(ClaimError) -> Claim? {
        do {
            guard case .committed = try await store.transition(transaction) else { return nil }
        } catch {
            throw .unavailable("\(error)")
        }
        var claim = claim
        claim.version = "\(version)"
        return claim
    }

    private static func claim(_ hash: String, _ fields: [String: [UInt8]]) throws(ClaimError) -> Claim {
        func text(_ name: String) -> String { fields[name].map { String(decoding: $0, as: UTF8.self) } ?? "" }
        guard let term = Int64(text("term")), let expires = Int64(text("expires")),
            let claimed = Int64(text("claimed")), let progress = try? Outcome(json: fields["progress"] ?? [])
        else { throw .refused("the claim on \(hash) cannot be read") }
        return Claim(
            planHash: hash, holder: text("holder"), term: term, expires: Timestamp(milliseconds: expires),
            claimed: Timestamp(milliseconds: claimed), progress: progress,
            approvers: text("approvers").split(separator: "\n").map(String.init), version: text("version"))
    }
}
