import Authority
import Bus
import Model
import WireFormat

/// A stored plan and the partition it lives in.
package struct FiledPlan: Sendable, Equatable {
    /// The record.
    package var record: PlanRecord
    /// Where it lives.
    package var partition: Partition

    package init(record: PlanRecord, partition: Partition) {
        self.record = record
        self.partition = partition
    }
}

/// Why a plan was not found.
package enum PlanLookupError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nothing fits.
    case notFound(String)
    /// Several plans fit; `ids` are their full ids.
    case ambiguous(String, ids: [String])

    package var description: String {
        switch self {
        case .notFound(let id): "there is no plan \(id)"
        case .ambiguous(let id, let ids): "\(id) fits several plans: \(ids.joined(separator: ", "))"
        }
    }
}

/// Where approvers look plans up and hand statements in: the same for CLI, gateway and chat.
package struct ApprovalDesk: Sendable {
    private let store: any BusStore
    private let keys: Keys
    private let partitions: Int
    private let digest: any Digest
    private let now: @Sendable () -> Timestamp

    package init(
        store: any BusStore, keys: Keys, partitions: Int, digest: any Digest, now: @escaping @Sendable () -> Timestamp
    ) {
        self.store = store
        self.keys = keys
        self.partitions = partitions
        self.digest = digest
        self.now = now
    }

    /// Undecided plans, soonest expiry first.
    ///
    /// Records that cannot be read are left out of the list; the executor refuses them anyway.
    package func pending() async throws -> [FiledPlan] {
        var plans: [(FiledPlan, Int64)] = []
        for partition in Partition.all(count: partitions) {
            for member in try await store.ranked(keys.approvalQueue(partition), minimum: 0, limit: 10_000) {
                guard let filed = try await load(member.member, partition) else { continue }
                plans.append((filed, member.score))
            }
        }
        return plans.sorted { ($0.1, $0.0.record.id) < ($1.1, $1.0.record.id) }.map(\.0)
    }

    /// Newest plans of all states, newest first.
    package func recent(limit: Int) async throws -> [FiledPlan] {
        var plans: [(FiledPlan, Int64)] = []
        for partition in Partition.all(count: partitions) {
            for member in try await store.ranked(keys.planIndex(partition), minimum: 0, limit: limit) {
                guard let filed = try await load(member.member, partition) else { continue }
                plans.append((filed, member.score))
            }
        }
        return plans.sorted { $0.1 > $1.1 }.prefix(limit).map(\.0)
    }

    /// The plan with this id, the beginning of one, or the beginning of a hash of at least eight digits.
    ///
    /// - Throws: `PlanLookupError`.
    package func find(_ id: String) async throws -> FiledPlan {
        var found: [FiledPlan] = []
        for partition in Partition.all(count: partitions) {
            for member in try await store.ranked(keys.planIndex(partition), minimum: 0, limit: 10_000) {
                let byHash = id.utf8.count >= 8 && member.member.hasPrefix(id)
                guard byHash || id.hasPrefix("PLAN-"), let filed = try await load(member.member, partition) else {
                    continue
                }
                if filed.record.id == id { return filed }
                if byHash || (id.utf8.count >= 19 && filed.record.id.hasPrefix(id)) { found.append(filed) }
            }
        }
        guard let first = found.first else { throw PlanLookupError.notFound(id) }
        guard found.count == 1 else { throw PlanLookupError.ambiguous(id, ids: found.map(\.record.id)) }
        return first
    }

    private func load(_ hash: String, _ partition: Partition) async throws -> FiledPlan? {
        let fields = try await store.fields(keys.plan(hash, partition))
        return (try? PlanRecord(hash: hash, fields: fields)).map { FiledPlan(record: $0, partition: partition) }
    }

    /// Hands in a signed statement that was verified before.
    package func submit(
        _ signed: SignedStatement, _ statement: ApprovalStatement, about filed: FiledPlan
    ) async throws -> ApproveResult {
        let record = filed.record
        let time = now()
        let approves = statement.verdict == .approve
        let trace = TraceContext(seed: record.hash)
        let decision = Decision(
            planID: record.id, planHash: record.hash, state: approves ? .approved : .rejected,
            actor: statement.approver, time: time, reason: statement.comment)
        let entry = try Envelope(
            decision, id: "\(record.hash)-\(decision.state.rawValue)", source: statement.approver, time: time,
            trace: trace, notes: [Field("plan", record.id), Field("state", decision.state.rawValue)])
        let chain = AuditChain(keys: keys, digest: digest)
        for _ in 0..<20 {
            let link = try await chain.next(
                in: filed.partition, store: store, time: time, actor: statement.approver,
                action: approves ? "plan.approval" : "plan.rejection", subject: record.hash,
                detail: [
                    "plan": record.id, "key": statement.keyID, "role": statement.role, "comment": statement.comment,
                    "statement": digest.sha256(Array(signed.statement.utf8)),
                ], trace: trace)
            let result = try await store.approve(
                ApproveRequest(
                    plan: keys.plan(record.hash, filed.partition), queue: keys.approvalQueue(filed.partition),
                    hash: record.hash, approver: statement.approver, approves: approves,
                    statement: try signed.canonicalJSON(), now: time.rawValue,
                    decisions: keys.stream(.decisions, filed.partition), decision: entry.fields, audit: link))
            if result != .auditMoved { return result }
        }
        return .auditMoved
    }
}

/// Makes statements for a signer.
package struct StatementMaker: Sendable {
    private let cluster: String
    private let policyHash: String
    private let digest: any Digest

    package init(cluster: String, policyHash: String, digest: any Digest) {
        self.cluster = cluster
        self.policyHash = policyHash
        self.digest = digest
    }

    /// A statement about a plan, signed; the nonce is 32 random hex digits.
    package func make(
        _ verdict: Verdict, about record: PlanRecord, plan: Plan, approver: String, role: String, comment: String,
        nonce: String, signer: any Signer, now: Timestamp
    ) throws -> (SignedStatement, ApprovalStatement) {
        let statement = ApprovalStatement(
            cluster: cluster, planHash: record.hash, verdict: verdict, approver: approver,
            keyID: Verifier.keyID(signer.publicKey, digest: digest), role: role, nonce: nonce,
            notBefore: now.advanced(bySeconds: -5), notAfter: plan.expires.advanced(bySeconds: 60),
            policyHash: policyHash, comment: comment)
        let bytes = try statement.canonicalJSON()
        return (
            SignedStatement(statement: String(decoding: bytes, as: UTF8.self), signature: try signer.sign(bytes)),
            statement
        )
    }
}
