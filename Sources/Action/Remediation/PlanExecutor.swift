import Authority
import Bus
import Logging
import Model

/// Carries out one plan, from its record to its end.
///
/// Whatever goes wrong on the way ends with the plan carried out, refused, or in the hands of a person; only a store that
/// cannot be reached and a lease that is lost are for the session.
struct PlanExecutor: Sendable {
    /// How often a plan may be taken up without getting any further.
    private static let attempts = 5

    let filing: PlanFiling
    private let context: ExecutorSession.Context
    /// Places for plans that are doing something.
    private let places: Slots
    /// The place in which budgets are counted and claims are made, so that no two plans count the same budget.
    private let admission = Slots(1)

    init(context: ExecutorSession.Context, filing: PlanFiling) {
        self.context = context
        self.filing = filing
        places = Slots(context.concurrency)
    }

    /// How far an attempt came.
    private enum Progress: Sendable {
        /// The plan is over, or nothing is to be done for it.
        case over
        /// It has to wait, and is tried again later.
        case waits(String)
    }

    /// Carries the plan out.
    ///
    /// - Throws: `FencedError` when the lease is lost, `BusError` when the store cannot be reached, `CancellationError`.
    func carryOut(_ job: ExecutionPool.Job) async throws {
        do {
            try await persist(with: job)
        } catch {
            // Whatever ends the session was not this plan's doing.
            context.interruptions.add(job.hash)
            throw error
        }
    }

    private func persist(with job: ExecutionPool.Job) async throws {
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(10))
        var last = "whoever carried it out died"
        var isCounted = context.interruptions.remove(job.hash)
        while true {
            try Task.checkCancellation()
            do {
                let progress = try await places.use {
                    if !isCounted, try await filing.countAttempt(job.hash) > Self.attempts {
                        try await park(job.hash, "given up after \(Self.attempts) attempts: \(last)", job.trace)
                        return Progress.over
                    }
                    isCounted = true
                    return try await attempt(job)
                }
                switch progress {
                case .over: return
                case .waits(let reason): last = reason
                }
            } catch let error where Self.endsSession(error) {
                throw error
            } catch let conflict as CommitConflict {
                last = "\(conflict)"
            } catch {
                last = "\(error)"
                isCounted = false
            }
            context.logger.debug("a plan waits", metadata: ["plan": "\(job.hash)", "reason": "\(last)"])
            try await context.sleep(backoff.next(random: .random(in: 0..<1)))
        }
    }

    private static func endsSession(_ error: any Error) -> Bool {
        error is CancellationError || error is FencedError || error is BusError
    }

    /// Hands a plan that is still to be carried out to a person, whatever its record looks like.
    ///
    /// - Parameter isBegun: also a plan that is being carried out.
    func park(_ hash: String, _ reason: String, _ trace: TraceContext, isBegun: Bool = true) async throws {
        guard let filed = try await filing.record(hash) else { return }
        guard let record = filed.record else { return try await filing.parkUnreadable(hash, filed.fields, reason) }
        guard record.state.isReady || record.state.isExecuting else { return try await bury(record) }
        guard record.state.isReady || isBegun else { return }
        context.logger.error("a plan needs a person", metadata: ["plan": "\(record.id)", "reason": "\(reason)"])
        let progress = await abandon(record, .needsHuman, reason)
        try await filing.settle(
            record, .needsHuman, reason, "plan.given-up", trace, progress: progress ?? record.progress)
    }

    /// Ends the claim on a plan that is not carried on, so that others need not wait for it.
    ///
    /// - Returns: what was done, where the claim could be read.
    private func abandon(_ record: PlanRecord, _ state: PlanState, _ reason: String) async -> Outcome? {
        guard let plan = try? record.plan(),
            let existing = try? await context.claims.read(record.hash, target: plan.target)
        else { return nil }
        var keeper = ClaimKeeper(
            store: context.claims, holder: context.holder, term: context.term, claim: claim(plan, record))
        guard !existing.isFinished, let taken = try? await keeper.take(), taken == .fresh || taken == .resumed else {
            return existing.progress
        }
        var progress = keeper.claim.progress
        progress.state = state
        progress.detail = reason
        try? await keeper.write(progress)
        return progress
    }

    private func attempt(_ job: ExecutionPool.Job) async throws -> Progress {
        guard let filed = try await filing.record(job.hash) else { return .over }
        guard let record = filed.record else {
            try await filing.parkUnreadable(job.hash, filed.fields, "the record of the plan cannot be read")
            return .over
        }
        guard record.state.isReady || record.state.isExecuting else {
            try await bury(record)
            return .over
        }
        do {
            return try await execute(record, job.trace)
        } catch let refusal as Refusal {
            context.logger.error(
                "a plan was refused", metadata: ["plan": "\(record.id)", "reason": "\(refusal)"])
            let state = Self.state(of: refusal, record)
            let progress = await abandon(record, state, "\(refusal)")
            try await filing.settle(
                record, state, "\(refusal)", "plan.refused", job.trace, progress: progress ?? record.progress)
            return .over
        } catch let error as ClaimError {
            guard case .unavailable = error else { throw error }
            return .waits("\(error)")
        }
    }

    /// Claims a plan that a person rejected or revoked, so that it cannot be carried out even if the store forgets that.
    private func bury(_ record: PlanRecord) async throws {
        let verifier = context.verifier()
        if record.state == .rejected || record.state == .revoked, let plan = try? verifier.genuine(record),
            let stopped = verifier.stopped(plan, record, now: context.now())
        {
            var claim = claim(plan, record)
            claim.progress.state = stopped.state
            claim.progress.detail = "\(stopped.by) stopped the plan before it was carried out"
            if try await context.claims.create(claim) != nil {
                context.logger.info("a plan was stopped for good", metadata: ["plan": "\(record.id)"])
            } else if try await context.claims.read(record.hash, target: plan.target)?.progress.steps.isEmpty == true {
                // Claimed, and stopped before the store knew: nothing was done under the claim, and nothing will be.
                _ = await abandon(record, stopped.state, claim.progress.detail)
            }
        }
        try await filing.dequeue(record.hash)
    }

    // MARK: From the record to the claim

    /// Whether a plan may begin, or go on.
    private enum Admission: Sendable {
        case claimed(ClaimKeeper, Plan)
        case finished(Outcome)
        case waits(String)
    }

    private func execute(_ record: PlanRecord, _ trace: TraceContext) async throws -> Progress {
        switch try await admission.use({ try await admit(record) }) {
        case .waits(let reason): return .waits(reason)
        case .finished(let progress):
            // Whatever the store says: the plan was carried out, once.
            try await filing.settle(
                record, progress.state, progress.detail, "plan.adopted", trace, progress: progress)
            return .over
        case .claimed(let keeper, let plan):
            try await context.probe(.afterClaim)
            let isFresh = keeper.claim.progress.steps.isEmpty && keeper.claim.progress.state == .running
            do {
                try await Execution(
                    plan: plan, record: record, claim: keeper, isFresh: isFresh,
                    journal: ExecutionJournal(plan: plan, record: record, filing: filing, trace: trace),
                    context: context
                ).run()
            } catch let busy as TargetBusy {
                return .waits(busy.description)
            }
            return .over
        }
    }

    private func admit(_ record: PlanRecord) async throws -> Admission {
        let verifier = context.verifier()
        let genuine = try verifier.genuine(record)
        // Where to look for the claim is not secret; a false target finds none, or another plan's, and is refused below.
        let claimed = try await context.claims.read(record.hash, target: genuine.target)
        if let claimed, claimed.isFinished { return .finished(claimed.progress) }
        let plan: Plan
        if claimed != nil {
            plan = try verifier.resumable(record, now: context.now())
        } else {
            guard record.state.isReady else { throw Refusal.unclaimed(record.state.rawValue) }
            guard context.now() < genuine.expires else { throw Refusal.expired }
            let labels: [String: String]
            let now: Timestamp
            do {
                labels = try await self.labels(genuine)
                now = try await trustedNow()
            } catch let error where Self.endsSession(error) || error is Refusal {
                throw error
            } catch {
                return .waits("the target cannot be looked at: \(error)")
            }
            plan = try verifier.startable(record, labels: labels, now: now)
            do {
                try await checkRights(plan, record, verifier)
            } catch let error where Self.endsSession(error) || error is Refusal {
                throw error
            } catch {
                return .waits("the rights of an approver cannot be asked for: \(error)")
            }
            let claims = try await history(plan)
            if let reason = try context.guardrails(plan, record, verifier, claims) {
                return .waits(reason)
            }
        }
        try await context.probe(.afterVerify)
        try await context.probe(.beforeClaim)
        var keeper = ClaimKeeper(
            store: context.claims, holder: context.holder, term: context.term, claim: claim(plan, record))
        return switch try await keeper.take() {
        case .fresh, .resumed: .claimed(keeper, plan)
        case .finished: .finished(keeper.claim.progress)
        case .held(let holder): throw ClaimLost("the claim on \(record.id) is held by \(holder)")
        }
    }

    /// Labels of the target as they are now, for the floors of the policy.
    private func labels(_ plan: Plan) async throws -> [String: String] {
        let types = Set((plan.steps + plan.rollback).map(\.action.type))
        var labels: [String: String] = [:]
        for target in context.targets where !target.types.isDisjoint(with: types) {
            labels.merge(try await target.labels(of: plan.target)) { $1 }
        }
        return labels
    }

    /// Nobody approves what the cluster would not let that person do.
    ///
    /// - Throws: `Refusal`, and what the target throws when it cannot tell.
    private func checkRights(_ plan: Plan, _ record: PlanRecord, _ verifier: Verifier) async throws {
        for (person, user) in verifier.clusterUsers(approving: record) {
            for step in plan.steps + plan.rollback {
                let target = context.targets.first { $0.types.contains(step.action.type) }
                let objection = try await target?.objection(
                    to: user, carryingOut: step.action, on: plan.target)
                if let objection { throw Refusal.forbidden("\(person) approved it, but \(objection)") }
            }
        }
    }

    private func claim(_ plan: Plan, _ record: PlanRecord) -> Claim {
        let now = context.now()
        let progress = Outcome(
            planID: record.id, planHash: record.hash, incidentID: plan.incidentID, target: plan.target,
            state: .running, detail: "claimed", steps: [], time: now, runbook: plan.runbook)
        return Claim(
            planHash: record.hash, holder: context.holder, term: context.term, expires: plan.expires, claimed: now,
            progress: progress, approvers: context.verifier().approvers(of: plan, record))
    }

    private func trustedNow() async throws -> Timestamp {
        do {
            return try await context.clocks.now()
        } catch let disagreement as ClockPanel.Disagreement {
            throw Refusal.clocks("\(disagreement)")
        }
    }

    /// Other claims of the last hour in the namespace, for budgets.
    private func history(_ plan: Plan) async throws -> [Claim] {
        try await context.claims.recent(plan.target, since: context.now().advanced(bySeconds: -3_600))
    }

    /// What becomes of a plan that is refused.
    private static func state(of refusal: Refusal, _ record: PlanRecord) -> PlanState {
        switch refusal {
        // Something may have been done already: a person has to look.
        case _ where record.state.isExecuting: .needsHuman
        case .clocks, .unclaimed: .needsHuman
        case .expired: .expired
        case .rejected: .rejected
        case .revoked: .revoked
        case .quorum, .outsideWindow, .otherPolicy: .stale
        default: .failed
        }
    }
}

/// Another plan is being carried out on the target; this one has to wait.
struct TargetBusy: Error, CustomStringConvertible {
    var description: String { "another plan is being carried out on the target" }
}
