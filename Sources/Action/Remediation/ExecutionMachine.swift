import Model

/// What to do next in the execution of a plan: pure; the caller performs and reports.
///
/// Each effect is preceded by a written intent. After a restart the machine is made anew from the written progress; an
/// intent without a result is resolved by a second look at the target, never by a blind repetition.
package struct ExecutionMachine: Sendable {
    /// What the caller has to do.
    package enum Task: Sendable, Equatable {
        /// Check that the step could be carried out; nothing is written yet.
        case prepare(Step, StepResult.Phase)
        /// Write that the step is about to be carried out, and then carry it out.
        case perform(Step, StepResult.Phase)
        /// An intent is written, but no result: look at the target.
        case resolve(Step, StepResult.Phase)
        /// Watch the metric.
        case verify
        /// The execution is over.
        case finish
    }

    private let plan: Plan
    /// State of the plan.
    package private(set) var state: PlanState
    /// Results so far.
    package private(set) var results: [StepResult]
    /// What happened last, for a person.
    package private(set) var detail: String
    private var prepared = false

    /// Takes up a plan with its state and results as stored; one that is ready starts from the beginning.
    package init(plan: Plan, state: PlanState, results: [StepResult], detail: String = "") {
        self.plan = plan
        self.state = state.isReady ? .running : state
        self.results = results
        self.detail = detail
    }

    /// The next task.
    package var next: Task {
        switch state {
        case .running: task(of: plan.steps, .step) ?? .verify
        case .rollingBack: task(of: plan.rollback, .rollback) ?? .finish
        case .verifying: .verify
        default: .finish
        }
    }

    private func task(of steps: [Step], _ phase: StepResult.Phase) -> Task? {
        let own = results.filter { $0.phase == phase }
        if let last = own.last, last.state == .intent, let step = steps.first(where: { $0.index == last.index }) {
            return .resolve(step, phase)
        }
        guard own.count < steps.count else { return nil }
        let step = steps[own.count]
        return prepared ? .perform(step, phase) : .prepare(step, phase)
    }

    /// The step may be carried out, or not.
    package mutating func prepared(_ preparation: Preparation) {
        switch preparation {
        case .ready(let detail, _):
            self.detail = detail
            prepared = true
        case .refused(let reason): fail(reason, stale: false)
        case .stale(let reason): fail(reason, stale: true)
        case .unavailable(let reason): detail = reason
        }
    }

    /// The time in which the plan may start or go on is over before the target could be reached.
    package mutating func gaveUp(_ reason: String) { fail(reason, stale: false) }

    /// An intent is about to be written.
    package mutating func intends(_ step: Step, _ phase: StepResult.Phase, at time: Timestamp) {
        results.append(
            StepResult(
                index: step.index, phase: phase, state: .intent, detail: step.description, started: time,
                finished: nil))
        detail = step.description
        prepared = false
    }

    /// The step was attempted.
    package mutating func performed(_ result: ActionResult, at time: Timestamp) {
        switch result {
        case .applied(let change): conclude(.done, change, time)
        case .adopted(let change): conclude(.adopted, change, time)
        case .refused(let reason):
            conclude(.failed, reason, time)
            fail(reason, stale: false)
        case .stale(let reason):
            conclude(.failed, reason, time)
            fail(reason, stale: true)
        case .unknown(let reason):
            conclude(.unknown, reason, time)
            park(reason)
        }
    }

    /// A second look at the target of an intent without a result.
    ///
    /// A target that is untouched takes the intent back, so that the step is prepared and carried out again.
    package mutating func resolved(_ inspection: Inspection, at time: Timestamp) {
        switch inspection {
        case .applied(let change): conclude(.adopted, change, time)
        case .untouched:
            if results.last?.state == .intent { results.removeLast() }
            prepared = false
        case .unclear(let reason):
            conclude(.unknown, reason, time)
            park(reason)
        }
    }

    private mutating func conclude(_ result: StepResult.State, _ detail: String, _ time: Timestamp) {
        guard let last = results.indices.last, results[last].state == .intent else { return }
        results[last].state = result
        results[last].detail = detail
        results[last].finished = time
        self.detail = detail
    }

    private mutating func conclude(_ result: StepResult.State, _ change: AppliedChange, _ time: Timestamp) {
        conclude(result, change.detail, time)
        guard let last = results.indices.last, results[last].state == result else { return }
        results[last].object = change.object
        results[last].generation = change.state.generation
        results[last].digest = change.state.digest
        guard change.isSettled else { return fail(change.detail, stale: false) }
        if state == .running, results.count(where: { $0.phase == .step }) == plan.steps.count { state = .verifying }
        if state == .rollingBack, results.count(where: { $0.phase == .rollback }) == plan.rollback.count {
            state = .rolledBack
        }
    }

    /// How the last own step on an object left it; `nil` when no step has changed it yet.
    package func left(_ object: String) -> ObjectState? {
        results.last { $0.object == object && !object.isEmpty && ($0.state == .done || $0.state == .adopted) }
            .map { ObjectState(generation: $0.generation, digest: $0.digest) }
    }

    /// A person stops the execution; what is done already is undone as the plan says.
    ///
    /// Without effect while an intent is open: its outcome is found out first.
    package mutating func aborted(_ reason: String) {
        guard state == .running || state == .verifying, results.last?.state != .intent else { return }
        if state == .verifying {
            detail = reason
            state = plan.rollback.isEmpty ? .needsHuman : .rollingBack
        } else {
            fail(reason, stale: false)
        }
    }

    /// Nothing more may be changed for the plan, not even to undo what was done.
    ///
    /// Without effect while an intent is open: its outcome is found out first.
    package mutating func forbidden(_ reason: String) {
        guard state == .running || state == .rollingBack, results.last?.state != .intent else { return }
        guard !results.isEmpty else { return fail(reason, stale: false) }
        park(reason)
        prepared = false
    }

    /// What was done no longer stands as it was left: a person has to look.
    package mutating func overtaken(_ reason: String) {
        guard state == .verifying else { return }
        park(reason)
    }

    /// Verification ended.
    package mutating func verified(_ success: Bool, _ detail: String) {
        guard state == .verifying else { return }
        self.detail = detail
        if success {
            state = .succeeded
        } else if plan.rollback.isEmpty {
            park("\(detail); the plan has no rollback")
        } else {
            state = .rollingBack
        }
    }

    private mutating func fail(_ reason: String, stale: Bool) {
        detail = reason
        let applied = results.contains { $0.phase == .step && ($0.state == .done || $0.state == .adopted) }
        switch state {
        case .running where applied && !plan.rollback.isEmpty: state = .rollingBack
        case .running where applied: park("\(reason); earlier steps are carried out and the plan has no rollback")
        case .running: state = stale ? .stale : .failed
        default: park(reason)
        }
        prepared = false
    }

    private mutating func park(_ reason: String) {
        detail = reason
        state = .needsHuman
    }

    /// When the last step was finished.
    package var finishedSteps: Timestamp? { results.compactMap(\.finished).max() }
}

/// Whether a metric is good again: pure.
package struct VerificationMachine: Sendable, Equatable {
    /// Good scrapes in a row that a repair takes at least, whatever its plan says: fewer may be chance.
    package static let leastScrapes = 3

    private let verification: Verification
    private let scrapes: Int
    private let notBefore: Timestamp
    private let deadline: Timestamp
    private var good = 0
    private var last: Timestamp?

    /// Begins to verify; samples from before `since`, the end of the last step, prove nothing.
    package init(_ verification: Verification, since: Timestamp) {
        self.verification = verification
        self.scrapes = max(Self.leastScrapes, verification.scrapes)
        self.notBefore = since
        self.deadline = since.advanced(bySeconds: Double(verification.timeoutSeconds))
    }

    /// Takes in what was read at `now`; missing data is never success.
    ///
    /// - Returns: whether verification succeeded and why; `nil` while it is not decided.
    package mutating func take(_ sample: SamplePoint?, now: Timestamp) -> (success: Bool, detail: String)? {
        if let sample, sample.time > notBefore, last.map({ sample.time > $0 }) ?? true {
            last = sample.time
            good = verification.accepts(sample.value) ? good + 1 : 0
            if good >= scrapes {
                return (
                    true,
                    "\(verification.series.metric) is good: \(good) scrapes in a row, now \(Readable.number(sample.value))"
                )
            }
        }
        guard now >= deadline else { return nil }
        let value = sample.map { "now \(Readable.number($0.value))" } ?? "no data"
        return (
            false,
            "\(verification.series.metric) is not good after \(verification.timeoutSeconds) s: "
                + "\(good) of \(scrapes) scrapes, \(value)"
        )
    }
}
