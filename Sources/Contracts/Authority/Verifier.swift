import Bus
import Model
import WireFormat

/// Checks plans and statements against the policy; trusts nothing that is stored.
package struct Verifier: Sendable {
    /// Role of a person's own statement.
    package static let approverRole = "approver"
    /// Role of a statement that a gateway makes for a person it has authenticated.
    package static let delegateRole = "delegate"
    /// Role under which one person may stand for the whole quorum in an emergency, with a review afterwards.
    package static let breakGlassRole = "break-glass"

    private let policy: Policy
    private let cluster: String
    private let autoRemediationEnabled: Bool
    private let isShadow: Bool
    private let digest: any Digest
    private let signatures: any SignatureVerifier

    /// A verifier under a policy.
    ///
    /// In shadow mode (`isShadow`, `false` by default) nothing is ever to be carried out.
    package init(
        policy: Policy, cluster: String, autoRemediationEnabled: Bool, isShadow: Bool = false, digest: any Digest,
        signatures: any SignatureVerifier
    ) {
        self.policy = policy
        self.cluster = cluster
        self.autoRemediationEnabled = autoRemediationEnabled
        self.isShadow = isShadow
        self.digest = digest
        self.signatures = signatures
    }

    /// First 16 hex digits of the SHA-256 of a public key.
    package static func keyID(_ publicKey: [UInt8], digest: any Digest) -> String {
        String(digest.sha256(publicKey).prefix(16))
    }

    /// Which policy a plan and what was said about it must have been made under.
    enum Basis {
        /// The one in force.
        case samePolicy
        /// Any: the one in force is applied to them as if they were new.
        case anyPolicy
    }

    /// Checks one statement about a plan.
    package func statement(
        _ stored: SignedStatement, about plan: Plan, hash: String, now: Timestamp
    ) throws(Refusal) -> ApprovalStatement {
        try statement(stored, about: plan, hash: hash, now: now, .samePolicy)
    }

    private func statement(
        _ stored: SignedStatement, about plan: Plan, hash: String, now: Timestamp, _ basis: Basis
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
        guard basis == .anyPolicy || statement.policyHash == policy.hash else { throw .otherPolicy }
        let needed = statement.role == Self.breakGlassRole ? Self.breakGlassRole : Self.approverRole
        guard let person = policy.approvers.first(where: { $0.name == statement.approver }),
            person.roles.contains(needed)
        else { throw .notAnApprover(statement.approver, role: needed) }
        let keys: [[UInt8]]
        switch statement.role {
        case Self.approverRole, Self.breakGlassRole: keys = person.keys
        case Self.delegateRole: keys = policy.delegates
        default: throw .notAnApprover(statement.approver, role: statement.role)
        }
        let valid = keys.filter { !policy.revokedKeys.contains($0) }
        guard let key = valid.first(where: { Self.keyID($0, digest: digest) == statement.keyID }) else {
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
            let band = band(of: plan, labels: [:])
            if statement.role == Self.delegateRole, band == .manual || requiredQuorum(of: plan, band) > 1 {
                throw .delegateNotAllowed(statement.approver)
            }
            if statement.role == Self.breakGlassRole, band == .manual {
                throw .forbidden("a plan with the risk MANUAL cannot be approved by one person")
            }
        }
        if statement.verdict == .review {
            guard statement.approver != plan.requester else { throw .ownRequest(statement.approver) }
            guard statement.role == Self.approverRole else { throw .delegateNotAllowed(statement.approver) }
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
    ///
    /// Labels are those of the target object as it is now, `nil` when they are not known.
    package func startable(
        _ record: PlanRecord, labels: [String: String]? = [:], now: Timestamp
    ) throws(Refusal) -> Plan {
        guard record.state.isReady else { throw .notReady(record.state.rawValue) }
        let plan = try genuine(record)
        if let window = policy.freeze(at: now), !isBreakGlass(plan, record, now: now) {
            throw .forbidden("nothing is started in the window '\(window.name)' of the policy")
        }
        try authorised(plan, record, labels: labels, now: now, .samePolicy)
        return plan
    }

    /// Checks everything that must hold for an interrupted execution to be taken up.
    ///
    /// The state of a record proves nothing: approvals are checked as at the start. Time is judged at the latest at the
    /// plan's expiry, because an execution that began in time may end after it, but not later than its steps may take.
    package func resumable(_ record: PlanRecord, now: Timestamp) throws(Refusal) -> Plan {
        guard record.state.isExecuting || record.state.isReady else { throw .notReady(record.state.rawValue) }
        let plan = try genuine(record)
        guard now < latestEnd(of: plan) else { throw .expired }
        let time = min(now, Timestamp(milliseconds: plan.expires.rawValue - 1))
        try authorised(plan, record, labels: [:], now: time, .samePolicy)
        return plan
    }

    /// Checks everything that must hold before the next change of an execution that goes on.
    ///
    /// As at the start, but under the policy in force, whichever it began under: an edit that changes nothing for the plan
    /// does not stop it halfway, and one that is stricter does.
    ///
    /// For a rollback, what was begun is undone: a window without new starts and the plan's age do not stop that.
    ///
    /// - Returns: why the plan is to be stopped and undone; `nil` when it goes on.
    /// - Throws: `Refusal` when nothing more may be changed for it, not even to undo what was done.
    package func hindrance(to record: PlanRecord, isRollback: Bool, now: Timestamp) throws(Refusal) -> String? {
        let plan = try genuine(record)
        let time = min(now, Timestamp(milliseconds: plan.expires.rawValue - 1))
        try authorised(plan, record, labels: [:], now: time, .anyPolicy)
        guard !isRollback else { return nil }
        if let window = policy.freeze(at: now), !isBreakGlass(plan, record, now: time) {
            return "the window '\(window.name)' of the policy has begun"
        }
        return now < latestEnd(of: plan) ? nil : "\(Refusal.expired)"
    }

    /// When an execution must be over that began in time: the plan's expiry and all that its steps may take.
    private func latestEnd(of plan: Plan) -> Timestamp {
        let seconds = (plan.steps + plan.rollback).reduce(plan.verification.timeoutSeconds) { $0 + $1.timeoutSeconds }
        return plan.expires.advanced(bySeconds: Double(seconds))
    }

    /// The person whose valid abort is in the record; `nil` when there is none.
    package func abort(of plan: Plan, _ record: PlanRecord, now: Timestamp) -> String? {
        withdrawal(.abort, of: plan, record, now: now)
    }

    /// What a person's valid statement made of a plan that is rejected or revoked; `nil` when there is no such statement.
    package func stopped(_ plan: Plan, _ record: PlanRecord, now: Timestamp) -> (state: PlanState, by: String)? {
        let time = min(now, Timestamp(milliseconds: plan.expires.rawValue - 1))
        if let person = withdrawal(.revoke, of: plan, record, now: time) { return (.revoked, person) }
        for (person, bytes) in record.statements.sorted(by: { $0.key < $1.key }) {
            guard let signed = try? SignedStatement(json: bytes),
                let statement = try? statement(signed, about: plan, hash: record.hash, now: time),
                statement.verdict == .reject, statement.approver == person
            else { continue }
            return (.rejected, person)
        }
        return nil
    }

    private func withdrawal(_ verdict: Verdict, of plan: Plan, _ record: PlanRecord, now: Timestamp) -> String? {
        for (person, bytes) in record.withdrawals.sorted(by: { $0.key < $1.key }) {
            guard let signed = try? SignedStatement(json: bytes),
                let statement = try? statement(signed, about: plan, hash: record.hash, now: now),
                statement.verdict == verdict, statement.approver == person
            else { continue }
            return person
        }
        return nil
    }

    /// The people whose approval lets a plan begin that may be started; empty for one that needs none.
    package func approvers(of plan: Plan, _ record: PlanRecord) -> [String] {
        plan.quorum == 0 ? [] : record.statements.keys.sorted()
    }

    /// Checks the budgets of the policy.
    ///
    /// `onTarget` and `inNamespace` count executions within the last hour, `active` those within the namespace that are
    /// not over, `byApprover` those within the namespace and hour that each approver of this plan has approved.
    ///
    /// - Returns: what the plan has to wait for; `nil` when it may begin.
    package func withinBudgets(
        _ plan: Plan, onTarget: Int, inNamespace: Int, active: Int, byApprover: [String: Int] = [:]
    ) throws(Refusal) -> String? {
        let budgets = policy.budgets
        guard onTarget < budgets.perTargetAndHour else {
            throw .overBudget("\(onTarget) executions on this target within the hour")
        }
        guard inNamespace < budgets.perNamespaceAndHour else {
            throw .overBudget("\(inNamespace) executions in \(plan.target.namespace) within the hour")
        }
        for (person, count) in byApprover.sorted(by: { $0.key < $1.key }) where count >= budgets.perApproverAndHour {
            throw .overBudget("\(person) approved \(count) executions in \(plan.target.namespace) within the hour")
        }
        let impact = plan.impact
        guard impact.replicas == 0 || impact.replicasTouched <= budgets.replicas(of: impact.replicas) else {
            throw .overBudget("the plan touches \(impact.replicasTouched) of \(impact.replicas) replicas at once")
        }
        guard active >= budgets.concurrent else { return nil }
        return "there are \(active) executions in \(plan.target.namespace), as many as the policy allows at a time"
    }

    /// The band of a plan: of its own score, or of the policy's floor where that is higher.
    package func band(of plan: Plan, labels: [String: String]?) -> RiskBand {
        let floor = policy.floor(of: plan.steps + plan.rollback, on: plan.target, labels: labels)
        let score = max(plan.risk.score, floor)
        return score >= policy.manualFrom ? .manual : RiskBand(score: score)
    }

    private func authorised(
        _ plan: Plan, _ record: PlanRecord, labels: [String: String]?, now: Timestamp, _ basis: Basis
    ) throws(Refusal) {
        let band = try permitted(plan, labels: labels, now: now, basis)
        for (approver, bytes) in record.statements.sorted(by: { $0.key < $1.key }) {
            guard let signed = try? SignedStatement(json: bytes),
                let statement = try? statement(signed, about: plan, hash: record.hash, now: now, basis)
            else { continue }
            if statement.verdict == .reject { throw .rejected(by: approver) }
        }
        if let person = withdrawal(.revoke, of: plan, record, now: now) { throw .revoked(by: person) }
        let steps = plan.steps + plan.rollback
        // The number of people is signed by the planner: the store cannot turn a plan that was to be approved, or was
        // only recorded, into an automatic one.
        if plan.quorum == 0, policy.allowsAuto(steps, band: band, autoRemediationEnabled: autoRemediationEnabled) {
            return
        }
        try approved(plan, record, band, now: now, basis)
    }

    private func permitted(
        _ plan: Plan, labels: [String: String]?, now: Timestamp, _ basis: Basis
    ) throws(Refusal) -> RiskBand {
        guard !isShadow else { throw .forbidden("the agent is in shadow mode: nothing is carried out") }
        guard plan.target.cluster == cluster else { throw .otherSubject("cluster (\(plan.target.cluster))") }
        guard now < plan.expires else { throw .expired }
        let lifetime = plan.expires.milliseconds(since: plan.created)
        guard lifetime <= Int64(policy.planLifetimeSeconds) * 1_000 else { throw .understated("lifetime") }
        guard basis == .anyPolicy || plan.policyHash == policy.hash else { throw .otherPolicy }
        let steps = plan.steps + plan.rollback
        if let objection = policy.objection(to: steps, on: plan.target) { throw .forbidden(objection) }
        let floor = policy.floor(of: steps, on: plan.target, labels: labels)
        guard plan.risk.score >= floor else { throw .understated("risk") }
        guard steps.allSatisfy({ $0.action.type != .manual }) else {
            throw .forbidden("the plan has steps for people")
        }
        let band = band(of: plan, labels: labels)
        guard band != .manual || policy.isManualAssisted else {
            throw .forbidden("the risk \(plan.risk.score) is for people alone")
        }
        return band
    }

    private func approved(
        _ plan: Plan, _ record: PlanRecord, _ band: RiskBand, now: Timestamp, _ basis: Basis
    ) throws(Refusal) {
        var people: Set<String> = []
        var isBreakGlass = false
        for (approver, bytes) in record.statements.sorted(by: { $0.key < $1.key }) {
            let signed: SignedStatement
            do {
                signed = try SignedStatement(json: bytes)
            } catch {
                throw .malformed("\(error)")
            }
            let statement = try statement(signed, about: plan, hash: record.hash, now: now, basis)
            guard statement.approver == approver else { throw .otherSubject("approver (\(statement.approver))") }
            guard statement.verdict == .approve else { throw .malformed("\(approver)'s statement is no approval") }
            people.insert(statement.approver)
            if statement.role == Self.breakGlassRole { isBreakGlass = true }
        }
        if isBreakGlass { return }
        let needed = requiredQuorum(of: plan, band)
        guard people.count >= needed else { throw .quorum(have: people.count, need: needed) }
    }

    /// Who approved a plan, by the names that the cluster knows them under, where the policy gives any.
    package func clusterUsers(approving record: PlanRecord) -> [(person: String, user: Policy.ClusterUser)] {
        policy.approvers.filter { record.statements[$0.name] != nil }
            .compactMap { person in person.clusterUser.map { (person.name, $0) } }
    }

    /// Whether one person let the plan through in an emergency.
    package func isBreakGlass(_ plan: Plan, _ record: PlanRecord, now: Timestamp) -> Bool {
        record.statements.values.contains { bytes in
            guard let signed = try? SignedStatement(json: bytes),
                let statement = try? statement(signed, about: plan, hash: record.hash, now: now)
            else { return false }
            return statement.verdict == .approve && statement.role == Self.breakGlassRole
        }
    }

    private func requiredQuorum(of plan: Plan, _ band: RiskBand) -> Int {
        max(1, plan.quorum, policy.quorum(for: plan.target, steps: plan.steps + plan.rollback, band: band).people)
    }
}
