import Authority
import Bus
import Logging
import Model

/// Drives one execution: asks the machine, performs, writes, until it is over.
struct Execution: Sendable {
    private let plan: Plan
    private let record: PlanRecord
    private var journal: ExecutionJournal
    private let context: ExecutorSession.Context
    private var machine: ExecutionMachine

    init(plan: Plan, record: PlanRecord, journal: ExecutionJournal, context: ExecutorSession.Context) {
        self.plan = plan
        self.record = record
        self.journal = journal
        self.context = context
        self.machine = ExecutionMachine(
            plan: plan, state: record.state, results: record.progress?.steps ?? [],
            detail: record.state.isReady ? "the execution begins" : record.reason)
    }

    func run() async throws {
        var execution = self
        try await execution.drive()
    }

    private mutating func drive() async throws {
        if record.state.isReady {
            tell("executing the plan")
            do {
                try await journal.write(machine, action: "plan.started", isStart: true)
            } catch let conflict as CommitConflict where conflict.key == journal.activeKey {
                machine.gaveUp("another plan is being executed on this target")
                try await write("plan.stopped")
                return
            }
        } else {
            tell("taking up an execution that was interrupted")
        }
        var backoff = Backoff(initial: .milliseconds(500), maximum: .seconds(10))
        while true {
            try Task.checkCancellation()
            switch machine.next {
            case .prepare(let step, let phase):
                let preparation = await target(of: step).prepare(request(step, phase))
                machine.prepared(preparation)
                if case .unavailable(let reason) = preparation {
                    try await waitForTarget(reason, &backoff)
                } else {
                    backoff.reset()
                    if machine.state != .running, machine.state != .rollingBack { try await write("plan.stopped") }
                }
            case .perform(let step, let phase):
                machine.intends(step, phase, at: context.now())
                try await write("step.intent")
                machine.performed(await target(of: step).perform(request(step, phase)), at: context.now())
                try await write("step.result")
            case .resolve(let step, let phase):
                machine.resolved(await target(of: step).inspect(request(step, phase)), at: context.now())
                try await write("step.resolved")
            case .verify:
                let result = try await verify()
                machine.verified(result.success, result.detail)
                try await write("plan.verified")
            case .finish:
                tell("the execution is over")
                return
            }
        }
    }

    private mutating func waitForTarget(_ reason: String, _ backoff: inout Backoff) async throws {
        guard context.now() < plan.expires else {
            machine.gaveUp("the target could not be reached before the plan expired: \(reason)")
            try await write("plan.stopped")
            return
        }
        context.logger.warning(
            "the target of an action cannot be reached", metadata: ["plan": "\(record.id)", "reason": "\(reason)"])
        try await ContinuousClock().sleep(for: backoff.next(random: .random(in: 0..<1)))
    }

    private func verify() async throws -> (success: Bool, detail: String) {
        let since = machine.finishedSteps ?? context.now()
        var verification = VerificationMachine(plan.verification, since: since)
        while true {
            try Task.checkCancellation()
            var sample: SamplePoint?
            do {
                sample = try await context.metrics.current(plan.verification.series)
            } catch {
                context.logger.warning(
                    "the metric for verification cannot be read",
                    metadata: ["plan": "\(record.id)", "reason": "\(error)"])
            }
            if let result = verification.take(sample, now: context.now()) { return result }
            try await ContinuousClock().sleep(for: .seconds(plan.verification.intervalSeconds))
        }
    }

    private mutating func write(_ action: String) async throws {
        tell(machine.detail)
        try await journal.write(machine, action: action)
    }

    private func tell(_ message: String) {
        context.logger.info(
            "\(message)", metadata: ["plan": "\(record.id)", "state": "\(machine.state.rawValue)"])
    }

    private func request(_ step: Step, _ phase: StepResult.Phase) -> ActionRequest {
        ActionRequest(
            planHash: record.hash, planID: record.id, phase: phase, index: step.index, action: step.action,
            target: plan.target, timeoutSeconds: step.timeoutSeconds)
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
    func perform(_ request: ActionRequest) async -> ActionResult { .refused(reason) }
    func inspect(_ request: ActionRequest) async -> Inspection { .unclear(reason) }
}
