import Authority
import Bus
import Logging
import Model

/// Drives one execution: asks the machine, performs, writes, until it is over.
///
/// What is written to the claim comes first and is what counts; the plan's record in the store follows.
struct Execution: Sendable {
    private let plan: Plan
    private let record: PlanRecord
    private let context: ExecutorSession.Context
    private let isFresh: Bool
    private var journal: ExecutionJournal
    private var claim: ClaimKeeper
    private var machine: ExecutionMachine
    /// The object of the step that was prepared last, as it is before the step.
    private var backup: Backup?

    /// - Parameter isFresh: the claim was made for this execution; else one that was interrupted goes on.
    init(
        plan: Plan, record: PlanRecord, claim: ClaimKeeper, isFresh: Bool, journal: ExecutionJournal,
        context: ExecutorSession.Context
    ) {
        self.plan = plan
        self.record = record
        self.claim = claim
        self.isFresh = isFresh
        self.journal = journal
        self.context = context
        // The claim says how far the execution is; the store may be behind, or altered.
        let progress = claim.claim.progress
        machine = ExecutionMachine(
            plan: plan, state: isFresh ? .running : progress.state, results: isFresh ? [] : progress.steps,
            detail: isFresh ? "the execution begins" : progress.detail)
    }

    func run() async throws {
        var execution = self
        try await execution.drive()
    }

    private mutating func drive() async throws {
        tell(isFresh ? "executing the plan" : "taking up an execution that was interrupted")
        do {
            try await journal.write(progress, action: "plan.started", isStart: true)
        } catch let busy as TargetBusy {
            guard isFresh, context.now() >= plan.expires else { throw busy }
            machine.gaveUp("\(busy)")
            try await write("plan.stopped")
            return
        }
        var backoff = Backoff(initial: .milliseconds(500), maximum: .seconds(10))
        while true {
            try Task.checkCancellation()
            try await heed()
            switch machine.next {
            case .prepare(let step, let phase):
                if phase == .rollback { try await context.probe(.beforeRollback) }
                try await prepare(step, phase, &backoff)
            case .perform(let step, let phase): try await perform(step, phase)
            case .resolve(let step, let phase):
                let inspection = await target(of: step).inspect(request(step, phase))
                machine.resolved(inspection, at: context.now())
                try await write("step.resolved")
            case .verify:
                try await context.probe(.beforeVerify)
                try await verify()
            case .finish:
                try await context.probe(.afterFinish)
                tell("the execution is over")
                return
            }
        }
    }

    private mutating func prepare(_ step: Step, _ phase: StepResult.Phase, _ backoff: inout Backoff) async throws {
        let preparation: Preparation
        if let reason = await context.brake() {
            preparation = .unavailable(reason)
        } else {
            preparation = await target(of: step).prepare(request(step, phase))
        }
        machine.prepared(preparation)
        if case .ready(_, let object) = preparation { backup = object }
        if case .unavailable(let reason) = preparation {
            try await waitForTarget(reason, &backoff)
        } else {
            backoff.reset()
            if machine.state != .running, machine.state != .rollingBack { try await write("plan.stopped") }
        }
    }

    private mutating func perform(_ step: Step, _ phase: StepResult.Phase) async throws {
        machine.intends(step, phase, at: context.now())
        try await write("step.intent", backup.map { ("\(phase.rawValue)-\(step.index)", $0) })
        try await context.probe(.afterIntent)
        try await context.probe(.beforePatch)
        let result = await target(of: step).perform(request(step, phase), brake: context.brake)
        try Task.checkCancellation()
        try await context.probe(phase == .rollback ? .afterRollbackPatch : .afterPatchBeforeRecord)
        machine.performed(result, at: context.now())
        try await write("step.result")
        try await context.probe(.afterRecord)
    }

    private mutating func waitForTarget(_ reason: String, _ backoff: inout Backoff) async throws {
        guard context.now() < plan.expires else {
            machine.gaveUp("the target could not be reached before the plan expired: \(reason)")
            try await write("plan.stopped")
            return
        }
        context.logger.warning(
            "the target of an action cannot be reached", metadata: ["plan": "\(record.id)", "reason": "\(reason)"])
        try await context.sleep(backoff.next(random: .random(in: 0..<1)))
    }

    /// Before each change, and before each look at a metric: an approver may have stopped the execution, and the policy in
    /// force must still permit what comes next.
    private mutating func heed() async throws {
        let before = machine.state
        let phase: StepResult.Phase?
        switch machine.next {
        case .prepare(_, let next), .perform(_, let next): phase = next
        case .verify: phase = nil
        case .resolve, .finish: return
        }
        switch try await journal.standing(before: phase) {
        case .goesOn: return
        case .stopped(let reason): machine.aborted(reason)
        case .forbidden(let reason): machine.forbidden(reason)
        }
        if machine.state != before {
            backup = nil
            try await write("plan.aborted")
        }
    }

    // MARK: Verification

    private mutating func verify() async throws {
        let since = machine.finishedSteps ?? context.now()
        var conditions = ([plan.verification] + plan.guards).map { VerificationMachine($0, since: since) }
        var results: [Int: (success: Bool, detail: String)] = [:]
        var isFirst = true
        while results.count < conditions.count, results.values.allSatisfy(\.success) {
            try Task.checkCancellation()
            try await heed()
            guard machine.state == .verifying else { return }
            for index in conditions.indices where results[index] == nil {
                let sample = await sample(index == 0 ? plan.verification : plan.guards[index - 1])
                results[index] = conditions[index].take(sample, now: context.now())
            }
            if isFirst { try await context.probe(.midVerify) }
            isFirst = false
            guard results.count < conditions.count, results.values.allSatisfy(\.success) else { break }
            try await context.sleep(.seconds(plan.verification.intervalSeconds))
        }
        let failure = results.sorted { $0.key < $1.key }.first { !$0.value.success }?.value
        if failure == nil, let overtaken = await overtaken() {
            machine.overtaken(overtaken)
        } else {
            let details = results.sorted { $0.key < $1.key }.map(\.value.detail)
            machine.verified(failure == nil, failure?.detail ?? details.joined(separator: "; "))
        }
        try await write("plan.verified")
    }

    private func sample(_ verification: Verification) async -> SamplePoint? {
        do {
            return try await context.metrics.current(verification.series)
        } catch {
            context.logger.warning(
                "a metric for verification cannot be read", metadata: ["plan": "\(record.id)", "reason": "\(error)"])
            return nil
        }
    }

    /// What was done must still stand; `nil` when it does, else why not.
    private func overtaken() async -> String? {
        for step in plan.steps where step.action.type.isKubernetes {
            guard let result = machine.results.first(where: { $0.phase == .step && $0.index == step.index }),
                let left = machine.left(result.object),
                left == ObjectState(generation: result.generation, digest: result.digest)
            else { continue }
            switch await target(of: step).inspect(request(step, .step)) {
            case .applied(let now) where now.state == left: continue
            case .applied: return "the object of step \(step.index + 1) was changed by somebody else"
            case .untouched: return "step \(step.index + 1) was undone by somebody else"
            case .unclear(let reason): return "step \(step.index + 1): \(reason)"
            }
        }
        return nil
    }

    // MARK: Writing

    private var progress: Outcome {
        Outcome(
            planID: record.id, planHash: record.hash, incidentID: plan.incidentID, target: plan.target,
            state: machine.state, detail: machine.detail, steps: machine.results, time: context.now(),
            runbook: plan.runbook)
    }

    private mutating func write(_ action: String, _ backup: (step: String, Backup)? = nil) async throws {
        tell(machine.detail)
        let progress = progress
        if progress.state.isTerminal { try await context.probe(.beforeFinish) }
        try await claim.write(progress)
        try await journal.write(progress, action: action, backup: backup)
    }

    private func tell(_ message: String) {
        context.logger.info(
            "\(message)", metadata: ["plan": "\(record.id)", "state": "\(machine.state.rawValue)"])
    }

    private func request(_ step: Step, _ phase: StepResult.Phase) -> ActionRequest {
        // What the step itself left does not count when the step is looked at again.
        let earlier = machine.results.filter { $0.phase != phase || $0.index < step.index }
        let left = earlier.last { result in
            !result.object.isEmpty && result.object == step.action.pin?.object
                && (result.state == .done || result.state == .adopted)
        }
        return ActionRequest(
            planHash: record.hash, planID: record.id, phase: phase, index: step.index, action: step.action,
            target: plan.target, timeoutSeconds: step.timeoutSeconds, description: step.description,
            incidentID: plan.incidentID, term: context.term,
            left: left.map { ObjectState(generation: $0.generation, digest: $0.digest) })
    }

    private func target(of step: Step) -> any ActionTarget {
        context.targets.first { $0.types.contains(step.action.type) } ?? AbsentTarget(type: step.action.type)
    }
}

/// Stands in for a target that is not configured: refuses everything.
private struct AbsentTarget: ActionTarget {
    let type: ActionType

    var types: Set<ActionType> { [type] }

    private var reason: String { "no target for \(type.rawValue) is configured" }

    func prepare(_ request: ActionRequest) async -> Preparation { .refused(reason) }
    func perform(_ request: ActionRequest, brake: @escaping Brake) async -> ActionResult { .refused(reason) }
    func inspect(_ request: ActionRequest) async -> Inspection { .unclear(reason) }
}
