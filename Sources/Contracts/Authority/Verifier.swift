import Bus
import Model
import WireFormat

/// Checks plans and statements against the policy; trusts nothing that is stored.
package struct Verifier: Sendable {
    /// Role of a person's own statement.
    package static let approverRole = "approver"
    /// Role of a statement that a gateway makes for a person it has authenticated.
    package static let delegateRole = "delegate"

    private let policy: Policy
    private let cluster: String
    private let autoRemediationEnabled: Bool
    private let digest: any Digest
    private let signatures: any SignatureVerifier

    package init(
        policy: Policy, cluster: String, autoRemediationEnabled: Bool, digest: any Digest,
        signatures: any SignatureVerifier
    ) {
        self.policy = policy
        self.cluster = cluster
        self.autoRemediationEnabled = autoRemediationEnabled
        self.digest = digest
        self.signatures = signatures
    }

    /// First 16 hex digits of the SHA-256 of a public key.
    package static func keyID(_ publicKey: [UInt8], digest: any Digest) -> String {
        String(digest.sha256(publicKey).prefix(16))
    }

    /// Checks one statement about a plan.
    package func statement(
        _ stored: SignedStatement, about plan: Plan, hash: String, now: Timestamp
    ) throws(Refusal) -> ApprovalStatement {
        let bytes = Array(stored.statement.utf8)
        guard CanonicalJSON.isCanonical(bytes) else { throw .malformed("the statement is not canonical JSON") }
        let statement: ApprovalStatement
        do {
            statement = try ApprovalStatement(json: bytes)
        } catch {
            throw .malformed("\(error)")
        }
        guard statement.cluster == cluster else { throw .otherSubject("cluster (\(statement.cluster))") }
        guard statement.planHash == hash else { throw .otherSubject("plan") }
        guard statement.policyHash == policy.hash else { throw .otherPolicy }
        guard let person = policy.approvers.first(where: { $0.name == statement.approver }),
            person.roles.contains(Self.approverRole)
        else { throw .notAnApprover(statement.approver, role: Self.approverRole) }
        let keys: [[UInt8]]
        switch statement.role {
        case Self.approverRole: keys = person.keys
        case Self.delegateRole: keys = policy.delegates
        default: throw .notAnApprover(statement.approver, role: statement.role)
        }
        guard let key = keys.first(where: { Self.keyID($0, digest: digest) == statement.keyID }) else {
            throw .unknownKey(approver: statement.approver, keyID: statement.keyID)
        }
        guard signatures.verify(stored.signature, over: bytes, publicKey: key) else {
            throw .forged(approver: statement.approver)
        }
        guard statement.notBefore <= now, now < statement.notAfter else {
            throw .outsideWindow(approver: statement.approver)
        }
        if statement.verdict == .approve {
            guard now < plan.expires else { throw .expired }
            guard statement.approver != plan.requester else { throw .ownRequest(statement.approver) }
            if statement.role == Self.delegateRole, requiredQuorum(of: plan) > 1 {
                throw .delegateNotAllowed(statement.approver)
            }
        }
        return statement
    }

    /// Checks everything about a stored plan before it is shown as genuine: bytes, hash and planner.
    package func genuine(_ record: PlanRecord) throws(Refusal) -> Plan {
        let actual = digest.sha256(record.body)
        guard actual == record.hash else { throw .altered(expected: record.hash, actual: actual) }
        guard CanonicalJSON.isCanonical(record.body) else { throw .malformed("the plan is not canonical JSON") }
        let plan: Plan
        do {
            plan = try Plan(json: record.body)
        } catch {
            throw .malformed("\(error)")
        }
        guard record.id == PlanIdentity.id(created: plan.created, hash: record.hash) else {
            throw .malformed("the id \(record.id) does not belong to this plan")
        }
        let message = Array(record.hash.utf8)
        guard
            policy.planners.contains(where: {
                signatures.verify(record.plannerSignature, over: message, publicKey: $0)
            })
        else { throw .unsignedPlan }
        return plan
    }

    /// Checks everything that must hold for a plan to be started now.
    package func startable(_ record: PlanRecord, now: Timestamp) throws(Refusal) -> Plan {
        guard record.state.isReady else { throw .notReady(record.state.rawValue) }
        let plan = try genuine(record)
        try authorised(plan, record, now: now)
        return plan
    }

    /// Checks everything that must hold for an interrupted execution to be taken up.
    ///
    /// The state of a record proves nothing: approvals are checked as at the start. Time is judged at the latest at the
    /// plan's expiry, because an execution that began in time may end after it, but not later than its steps may take.
    package func resumable(_ record: PlanRecord, now: Timestamp) throws(Refusal) -> Plan {
        guard record.state.isExecuting else { throw .notReady(record.state.rawValue) }
        let plan = try genuine(record)
        let seconds = (plan.steps + plan.rollback).reduce(plan.verification.timeoutSeconds) { $0 + $1.timeoutSeconds }
        guard now < plan.expires.advanced(bySeconds: Double(seconds)) else { throw .expired }
        try authorised(plan, record, now: min(now, Timestamp(milliseconds: plan.expires.rawValue - 1)))
        return plan
    }

    private func authorised(_ plan: Plan, _ record: PlanRecord, now: Timestamp) throws(Refusal) {
        try permitted(plan, now: now)
        for (approver, bytes) in record.statements.sorted(by: { $0.key < $1.key }) {
            guard let signed = try? SignedStatement(json: bytes),
                let statement = try? statement(signed, about: plan, hash: record.hash, now: now)
            else { continue }
            if statement.verdict == .reject { throw .rejected(by: approver) }
        }
        let steps = plan.steps + plan.rollback
        let band = RiskBand(score: max(plan.risk.score, policy.floor(of: steps)))
        if policy.allowsAuto(steps, band: band, autoRemediationEnabled: autoRemediationEnabled) { return }
        try approved(plan, record, now: now)
    }

    private func permitted(_ plan: Plan, now: Timestamp) throws(Refusal) {
        guard plan.target.cluster == cluster else { throw .otherSubject("cluster (\(plan.target.cluster))") }
        guard now < plan.expires else { throw .expired }
        let lifetime = plan.expires.milliseconds(since: plan.created)
        guard lifetime <= Int64(policy.planLifetimeSeconds) * 1_000 else { throw .understated("lifetime") }
        guard plan.policyHash == policy.hash else { throw .otherPolicy }
        let steps = plan.steps + plan.rollback
        if let objection = policy.objection(to: steps, on: plan.target) { throw .forbidden(objection) }
        guard plan.risk.score >= policy.floor(of: steps) else { throw .understated("risk") }
        guard plan.risk.band != .manual, plan.risk.score < policy.manualFrom else {
            throw .forbidden("the risk \(plan.risk.score) is for people alone")
        }
    }

    private func approved(_ plan: Plan, _ record: PlanRecord, now: Timestamp) throws(Refusal) {
        var people: Set<String> = []
        for (approver, bytes) in record.statements.sorted(by: { $0.key < $1.key }) {
            let signed: SignedStatement
            do {
                signed = try SignedStatement(json: bytes)
            } catch {
                throw .malformed("\(error)")
            }
            let statement = try statement(signed, about: plan, hash: record.hash, now: now)
            guard statement.approver == approver else { throw .otherSubject("approver (\(statement.approver))") }
            people.insert(statement.approver)
        }
        let needed = requiredQuorum(of: plan)
        guard people.count >= needed else { throw .quorum(have: people.count, need: needed) }
    }

    private func requiredQuorum(of plan: Plan) -> Int { max(1, plan.quorum, policy.quorum(for: plan.target)) }
}
