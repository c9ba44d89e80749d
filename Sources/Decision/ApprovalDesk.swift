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
    let store: any BusStore
    let keys: Keys
    let partitions: Int
    private let digest: any Digest
    private let now: @Sendable () -> Timestamp
    private let probe: @Sendable (DecisionPoint) async throws -> Void

    /// A desk over the store; `probe` is called at each ``DecisionPoint`` and throws to let the caller die there.
    package init(
        store: any BusStore, keys: Keys, partitions: Int, digest: any Digest, now: @escaping @Sendable () -> Timestamp,
        probe: @escaping @Sendable (DecisionPoint) async throws -> Void = { _ in }
    ) {
        self.store = store
        self.keys = keys
        self.partitions = partitions
        self.digest = digest
        self.now = now
        self.probe = probe
    }

    /// Undecided plans, soonest expiry first.
    ///
    /// Records that cannot be read are left out of the list; the executor refuses them anyway.
    package func pending() async throws -> [FiledPlan] {
        var plans: [(FiledPlan, Int64)] = []
        for partition in Partition.all(count: partitions) {
            let members = try await store.ranked(keys.approvalQueue(partition), minimum: 0, limit: 10_000)
            plans += try await load(members, partition)
        }
        return plans.sorted { ($0.1, $0.0.record.id) < ($1.1, $1.0.record.id) }.map(\.0)
    }

    /// Reads many plans at once, so that a long queue takes one round trip and not as many as it has plans.
    private func load(
        _ members: [RankedMember], _ partition: Partition
    ) async throws -> [(FiledPlan, Int64)] {
        try await withThrowingTaskGroup(of: (FiledPlan, Int64)?.self) { group in
            for member in members {
                group.addTask { try await load(member.member, partition).map { ($0, member.score) } }
            }
            return try await group.reduce(into: []) { plans, plan in if let plan { plans.append(plan) } }
        }
    }

    /// Plans that are decided and that no executor has begun yet, soonest expiry first.
    package func waitingForExecution() async throws -> [FiledPlan] {
        // No plan lives longer than a day.
        let oldest = now().advanced(bySeconds: -2 * 86_400).rawValue
        let plans = try await withThrowingTaskGroup(of: [(FiledPlan, Int64)].self) { group in
            for partition in Partition.all(count: partitions) {
                group.addTask {
                    let undecided = Set(
                        try await store.ranked(keys.approvalQueue(partition), minimum: 0, limit: 10_000).map(\.member))
                    let decided = try await store.ranked(keys.planIndex(partition), minimum: oldest, limit: 10_000)
                        .filter { !undecided.contains($0.member) }
                    return try await load(decided, partition).filter { $0.0.record.state.isReady }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return plans.sorted { ($0.1, $0.0.record.id) < ($1.1, $1.0.record.id) }.map(\.0)
    }

    /// Newest plans of all states, newest first.
    package func recent(limit: Int) async throws -> [FiledPlan] {
        var plans: [(FiledPlan, Int64)] = []
        for partition in Partition.all(count: partitions) {
            plans += try await load(
                try await store.ranked(keys.planIndex(partition), minimum: 0, limit: limit), partition)
        }
        return plans.sorted { $0.1 > $1.1 }.prefix(limit).map(\.0)
    }

    /// The plan with this id, the beginning of one, or the beginning of a hash of at least eight digits.
    ///
    /// An id ends with the beginning of the plan's hash, so that only plans that fit are read.
    ///
    /// - Throws: `PlanLookupError`.
    package func find(_ id: String) async throws -> FiledPlan {
        let isHash = id.utf8.count >= 8 && id.allSatisfy { $0.isHexDigit && !$0.isUppercase }
        let isID = id.utf8.count >= 19
        guard let prefix = isHash ? id : isID ? PlanIdentity.hashPrefix(id: id) : nil else {
            throw PlanLookupError.notFound(id)
        }
        let found = try await withThrowingTaskGroup(of: [FiledPlan].self) { group in
            for partition in Partition.all(count: partitions) {
                group.addTask {
                    let members = try await store.ranked(keys.planIndex(partition), minimum: 0, limit: 10_000)
                    return try await load(members.filter { $0.member.hasPrefix(prefix) }, partition).map(\.0)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }.filter { isHash || $0.record.id.hasPrefix(id) }
        if let exact = found.first(where: { $0.record.id == id }) { return exact }
        guard let first = found.first else { throw PlanLookupError.notFound(id) }
        guard found.count == 1 else {
            throw PlanLookupError.ambiguous(id, ids: found.map(\.record.id).sorted())
        }
        return first
    }

    func load(_ hash: String, _ partition: Partition) async throws -> FiledPlan? {
        let fields = try await store.fields(keys.plan(hash, partition))
        return (try? PlanRecord(hash: hash, fields: fields)).map { FiledPlan(record: $0, partition: partition) }
    }

    /// Hands in a signed statement that was verified before.
    ///
    /// Every race between statements, expiry and the start of an execution is decided by the version of the record.
    package func submit(
        _ signed: SignedStatement, _ statement: ApprovalStatement, about filed: FiledPlan
    ) async throws -> ApproveResult {
        try await probe(.afterVerify)
        let result =
            switch statement.verdict {
            case .approve, .reject: try await decide(signed, statement, about: filed)
            case .revoke, .abort, .review: try await add(signed, statement, about: filed)
            }
        try await probe(.afterApproveBeforeReply)
        return result
    }

    /// The person has the answer to ``submit(_:_:about:)``.
    package func answered() async throws { try await probe(.afterReply) }

    private func decide(
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
        // The review is opened first: an emergency must never go unreviewed, whatever breaks in between.
        if approves, statement.role == Verifier.breakGlassRole { try await openReview(filed, time) }
        for _ in 0..<20 {
            let link = try await link(signed, statement, about: filed, time)
            try await probe(.beforeApprove)
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

    /// The link of the audit chain that records a statement.
    private func link(
        _ signed: SignedStatement, _ statement: ApprovalStatement, about filed: FiledPlan, _ time: Timestamp
    ) async throws -> AuditAppend {
        try await AuditChain(keys: keys, digest: digest).next(
            in: filed.partition, store: store, time: time, actor: statement.approver,
            action: Self.action(statement), subject: filed.record.hash,
            detail: [
                "plan": filed.record.id, "key": statement.keyID, "role": statement.role, "comment": statement.comment,
                "statement": digest.sha256(Array(signed.statement.utf8)),
            ], trace: TraceContext(seed: filed.record.hash))
    }

    private static func action(_ statement: ApprovalStatement) -> String {
        switch statement.verdict {
        case .approve: statement.role == Verifier.breakGlassRole ? "plan.break-glass" : "plan.approval"
        case .reject: "plan.rejection"
        case .revoke: "plan.revocation"
        case .abort: "plan.abort"
        case .review: "plan.review"
        }
    }

    // MARK: Revocation, abort and review

    /// Where a statement is kept that does not settle a plan, and what else it changes.
    private struct Place {
        /// Beginning of the name of the field.
        var prefix: String
        /// What the person said there before.
        var known: [UInt8]?
        /// State of the plan afterwards.
        var state: PlanState
        var changes: [Transaction.Change] = []
    }

    /// The place of a statement about a plan as it stands; `nil` when it comes too late.
    private func place(
        of statement: ApprovalStatement, on record: PlanRecord, _ partition: Partition, _ time: Timestamp
    ) throws -> Place? {
        let person = statement.approver
        if statement.verdict == .review {
            return Place(
                prefix: PlanRecord.reviewPrefix, known: record.reviews[person], state: record.state,
                changes: [.unrank(key: keys.reviewQueue(partition), member: record.hash)])
        }
        var place = Place(
            prefix: PlanRecord.withdrawalPrefix, known: record.withdrawals[person], state: record.state)
        if place.known != nil { return place }
        switch (statement.verdict, record.state) {
        case (.abort, let state) where state.isExecuting: return place
        case (.revoke, .awaiting), (.revoke, .approved), (.revoke, .autoReady): break
        default: return nil
        }
        place.state = .revoked
        let decision = Decision(
            planID: record.id, planHash: record.hash, state: .revoked, actor: person, time: time,
            reason: statement.comment)
        let entry = try Envelope(
            decision, id: "\(record.hash)-\(PlanState.revoked.rawValue)", source: person, time: time,
            trace: TraceContext(seed: record.hash),
            notes: [Field("plan", record.id), Field("state", PlanState.revoked.rawValue)])
        place.changes = [
            .unrank(key: keys.approvalQueue(partition), member: record.hash),
            .append(stream: keys.stream(.decisions, partition), fields: entry.fields),
        ]
        return place
    }

    private func add(
        _ signed: SignedStatement, _ statement: ApprovalStatement, about filed: FiledPlan
    ) async throws -> ApproveResult {
        let key = keys.plan(filed.record.hash, filed.partition)
        let stored = try signed.canonicalJSON()
        for _ in 0..<20 {
            let fields = try await store.fields(key)
            guard !fields.isEmpty else { return .notFound }
            let record = try PlanRecord(hash: filed.record.hash, fields: fields)
            let time = now()
            guard let place = try place(of: statement, on: record, filed.partition, time) else {
                return .decided(state: record.state.rawValue)
            }
            if let known = place.known {
                return known == stored
                    ? .repeated(state: record.state.rawValue) : .contradicts(state: record.state.rawValue)
            }
            let link = try await link(signed, statement, about: filed, time)
            var transaction = Transaction(
                checks: [.init(key: key, field: "version", text: "\(record.version)")],
                changes: [
                    .set(
                        key: key,
                        fields: [
                            Field(place.prefix + statement.approver, stored), Field("state", place.state.rawValue),
                            Field("version", "\(record.version + 1)"),
                        ])
                ] + place.changes)
            transaction.merge(link.transaction)
            transaction.isReplicated = true
            try await probe(.beforeApprove)
            if case .committed = try await store.transition(transaction) {
                return .recorded(state: place.state.rawValue)
            }
        }
        return .auditMoved
    }
}
