import Authority
import Bus
import Model
import WireFormat

/// Writes the progress of one execution: record, outcome entry and audit link in one commit under the lease.
struct ExecutionJournal: Sendable {
    private let plan: Plan
    private let record: PlanRecord
    private let filing: PlanFiling
    private let trace: TraceContext
    private var version: Int64
    private var holdsTarget = false

    init(plan: Plan, record: PlanRecord, filing: PlanFiling, trace: TraceContext) {
        self.plan = plan
        self.record = record
        self.filing = filing
        self.trace = trace
        self.version = record.version
    }

    private var keys: Keys { filing.keys }
    private var key: String { keys.plan(record.hash, filing.partition) }

    /// Key that names the plan which is being executed on the target.
    private var activeKey: String { keys.activePlan("\(plan.target)", filing.partition) }

    /// What people and the policy in force say about an execution.
    enum Standing: Sendable, Equatable {
        case goesOn
        /// To be stopped, and undone as the plan says.
        case stopped(String)
        /// Nothing more may be changed.
        case forbidden(String)
    }

    /// What is to be heeded before the next change, or before the next look at a metric.
    ///
    /// - Parameter phase: of the next change; `nil` before a look.
    func standing(before phase: StepResult.Phase?) async throws -> Standing {
        // A record that is gone or cannot be read is found out by the next write to it.
        guard let current = try await filing.record(record.hash)?.record else { return .goesOn }
        let verifier = filing.context.verifier()
        let now = filing.context.now()
        if phase != .rollback, let person = verifier.abort(of: plan, current, now: now) {
            return .stopped("\(person) stopped the execution")
        }
        guard let phase else { return .goesOn }
        do {
            let hindrance = try verifier.hindrance(to: current, isRollback: phase == .rollback, now: now)
            return hindrance.map { .stopped($0) } ?? .goesOn
        } catch {
            return .forbidden("\(error)")
        }
    }

    /// Writes where the execution stands.
    ///
    /// - Parameters:
    ///   - action: name of the audit entry, such as `step.intent`.
    ///   - isStart: also claims the target.
    ///   - backup: object as it is before the step that is about to change it, with the step's name.
    /// - Throws: `TargetBusy` when another plan holds the target, `FencedError` when the lease is gone, `CommitConflict`
    ///   when the record changed meanwhile.
    mutating func write(
        _ outcome: Outcome, action: String, isStart: Bool = false, backup: (step: String, Backup)? = nil
    ) async throws {
        var detail = ["plan": record.id, "state": outcome.state.rawValue, "detail": outcome.detail]
        if let (step, backup) = backup {
            detail["backup"] = "\(step) \(filing.context.digest.sha256(backup.manifest))"
        }
        let link = PlanFiling.Link(action: action, subject: record.hash, detail: detail, trace: trace)
        // An abort is written to the record beside us, and moves its version.
        for _ in 0..<20 {
            let version = version
            let conflict = try await filing.write(link, time: outcome.time) {
                try await transaction(outcome, version: version, action, isStart: isStart, backup)
            }
            guard let conflict else {
                self.version += 1
                if isStart { holdsTarget = true }
                return
            }
            if conflict.key == activeKey { throw TargetBusy() }
            guard conflict.key == key, try await movedByAbort() else {
                throw CommitConflict(key: conflict.key, field: conflict.field)
            }
        }
        throw CommitConflict(key: key, field: "version")
    }

    /// Whether only a statement was added since; takes over the record's new version.
    private mutating func movedByAbort() async throws -> Bool {
        guard let current = try await filing.record(record.hash)?.record, current.state.isExecuting,
            current.body == record.body, current.version > version
        else { return false }
        version = current.version
        return true
    }

    private func transaction(
        _ outcome: Outcome, version: Int64, _ action: String, isStart: Bool, _ backup: (step: String, Backup)?
    ) async throws -> Transaction {
        var fields = [
            Field("state", outcome.state.rawValue), Field("version", "\(version + 1)"),
            Field("reason", outcome.detail), Field("progress", try outcome.canonicalJSON()),
        ]
        // Whoever takes the plan up again finds it further than before.
        if action == "step.result" { fields.append(Field(PlanFiling.attempts, "0")) }
        var transaction = Transaction(
            checks: [.init(key: key, field: "version", text: "\(version)")],
            changes: [
                .set(key: key, fields: fields),
                .unrank(key: keys.approvalQueue(filing.partition), member: record.hash),
            ])
        transaction.changes += try filing.ending(outcome, plan, id: "\(record.hash)-\(version + 1)", trace)
        if let (step, backup) = backup {
            let store = keys.planBackup(record.hash, filing.partition)
            transaction.changes.append(.set(key: store, fields: [Field(step, backup.manifest)]))
        }
        if isStart { try await begin(&transaction, outcome) }
        // A plan that never began does not hold the target.
        if outcome.state.isTerminal, holdsTarget { transaction.changes.append(.remove(key: activeKey)) }
        return transaction
    }

    private func begin(_ transaction: inout Transaction, _ outcome: Outcome) async throws {
        if try await filing.store.fields(activeKey)["plan"] != Array(record.hash.utf8) {
            transaction.checks.append(.init(key: activeKey, field: "plan", value: nil))
            transaction.changes.append(.set(key: activeKey, fields: [Field("plan", record.hash)]))
        }
        // Whoever let it through alone opened the review, or should have: an emergency never goes unreviewed.
        let verifier = filing.context.verifier()
        if verifier.isBreakGlass(plan, record, now: outcome.time), verifier.review(of: record, plan).isOpen {
            transaction.changes.append(
                .rank(key: keys.reviewQueue(filing.partition), member: record.hash, score: outcome.time.rawValue))
        }
    }
}
