import Model
import Remediation
import TestSupport
import Testing

/// Drives a machine against a target that counts effects, and crashes it wherever the schedule says.
private struct World {
    var effects: [String: Int] = [:]
    var journal: (state: PlanState, results: [StepResult]) = (.approved, [])
    let plan: Plan

    enum Crash: CaseIterable {
        case never, beforeIntent, afterIntent, afterEffect, afterResult
    }

    /// - Returns: the state that the execution ends in.
    mutating func run(crashes: [Crash], verified: Bool = true) -> PlanState {
        var crashes = crashes[...]
        var machine = ExecutionMachine(plan: plan, state: journal.state, results: journal.results)
        journal = (machine.state, machine.results)
        var rounds = 0
        func restarted(_ journal: (state: PlanState, results: [StepResult])) -> ExecutionMachine {
            ExecutionMachine(plan: plan, state: journal.state, results: journal.results)
        }
        while rounds < 200 {
            rounds += 1
            switch machine.next {
            case .prepare: machine.prepared(.ready(""))
            case .perform(let step, let phase):
                let crash = crashes.popFirst() ?? .never
                if crash == .beforeIntent {
                    machine = restarted(journal)
                    continue
                }
                machine.intends(step, phase, at: Fixtures.now)
                journal = (machine.state, machine.results)
                if crash == .afterIntent {
                    machine = restarted(journal)
                    continue
                }
                effects["\(phase)-\(step.index)", default: 0] += 1
                if crash == .afterEffect {
                    machine = restarted(journal)
                    continue
                }
                machine.performed(.applied(AppliedChange("done")), at: Fixtures.now)
                journal = (machine.state, machine.results)
                if crash == .afterResult { machine = restarted(journal) }
            case .resolve(let step, let phase):
                let isApplied = effects["\(phase)-\(step.index)"] != nil
                machine.resolved(isApplied ? .applied(AppliedChange("found")) : .untouched, at: Fixtures.now)
                journal = (machine.state, machine.results)
            case .verify:
                machine.verified(verified, "looked")
                journal = (machine.state, machine.results)
            case .finish: return machine.state
            }
        }
        return machine.state
    }
}

@Suite struct ExecutionMachineTests {
    @Test func everyCrashPointOfEveryStepAppliesEachStepOnce() {
        for first in World.Crash.allCases {
            for second in World.Crash.allCases {
                for third in World.Crash.allCases {
                    var world = World(plan: Fixtures.plan())
                    #expect(world.run(crashes: [first, second, third]) == .succeeded)
                    #expect(world.effects == ["step-0": 1, "step-1": 1])
                }
            }
        }
    }

    @Test func failedVerificationRollsBackOnce() {
        for crash in World.Crash.allCases {
            var world = World(plan: Fixtures.plan())
            #expect(world.run(crashes: [.never, .never, crash], verified: false) == .rolledBack)
            #expect(world.effects == ["step-0": 1, "step-1": 1, "rollback-0": 1])
        }
    }

    @Test func withoutARollbackAPersonIsCalled() {
        var world = World(plan: Fixtures.plan(rollback: false))
        #expect(world.run(crashes: [], verified: false) == .needsHuman)
    }

    @Test func anUnknownOutcomeIsNeverRepeated() {
        var machine = ExecutionMachine(plan: Fixtures.plan(), state: .approved, results: [])
        machine.prepared(.ready(""))
        machine.intends(Fixtures.plan().steps[0], .step, at: Fixtures.now)
        machine.performed(.unknown("timeout"), at: Fixtures.now)
        #expect(machine.state == .needsHuman)
        #expect(machine.next == .finish)
        var resumed = ExecutionMachine(
            plan: Fixtures.plan(), state: .running,
            results: [
                StepResult(
                    index: 0, phase: .step, state: .intent, detail: "", started: Fixtures.now, finished: nil)
            ])
        resumed.resolved(.unclear("no probe"), at: Fixtures.now)
        #expect(resumed.state == .needsHuman)
    }

    @Test func aRolloutThatDoesNotEndIsUndone() {
        var machine = ExecutionMachine(plan: Fixtures.plan(), state: .approved, results: [])
        machine.prepared(.ready(""))
        machine.intends(Fixtures.plan().steps[0], .step, at: Fixtures.now)
        machine.performed(.applied(AppliedChange("half", isSettled: false)), at: Fixtures.now)
        #expect(machine.state == .rollingBack)
        #expect(machine.results.map(\.state) == [.done])
    }

    @Test func anAbortUndoesWhatIsDoneAndNoMore() {
        var untouched = ExecutionMachine(plan: Fixtures.plan(), state: .approved, results: [])
        untouched.aborted("jane")
        #expect(untouched.state == .failed)
        var open = ExecutionMachine(plan: Fixtures.plan(), state: .approved, results: [])
        open.prepared(.ready(""))
        open.intends(Fixtures.plan().steps[0], .step, at: Fixtures.now)
        open.aborted("jane")
        #expect(open.state == .running)
        open.performed(.applied(AppliedChange("")), at: Fixtures.now)
        open.aborted("jane")
        #expect(open.state == .rollingBack)
        var verifying = ExecutionMachine(plan: Fixtures.plan(rollback: false), state: .verifying, results: [])
        verifying.aborted("jane")
        #expect(verifying.state == .needsHuman)
    }

    @Test func whatSomebodyElseChangedIsForAPerson() {
        var machine = ExecutionMachine(plan: Fixtures.plan(), state: .verifying, results: [])
        machine.overtaken("changed")
        #expect(machine.state == .needsHuman)
        machine.verified(true, "good")
        #expect(machine.state == .needsHuman)
    }

    @Test func aRefusedFirstStepFailsAndALaterOneRollsBack() {
        var machine = ExecutionMachine(plan: Fixtures.plan(), state: .approved, results: [])
        machine.prepared(.refused("no"))
        #expect(machine.state == .failed)
        var later = ExecutionMachine(plan: Fixtures.plan(), state: .approved, results: [])
        later.prepared(.ready(""))
        later.intends(Fixtures.plan().steps[0], .step, at: Fixtures.now)
        later.performed(.applied(AppliedChange("")), at: Fixtures.now)
        later.prepared(.stale("changed"))
        #expect(later.state == .rollingBack)
        var stale = ExecutionMachine(plan: Fixtures.plan(), state: .approved, results: [])
        stale.prepared(.stale("changed"))
        #expect(stale.state == .stale)
    }
}

@Suite struct VerificationMachineTests {
    private let verification = Fixtures.plan().verification

    private func sample(_ seconds: Double, _ value: Double) -> SamplePoint {
        SamplePoint(time: Fixtures.now.advanced(bySeconds: seconds), value: value)
    }

    @Test func threeGoodScrapesInARow() {
        var machine = VerificationMachine(verification, since: Fixtures.now)
        for (second, value) in [(1.0, 100.0), (2, 200), (3, 100), (4, 100)] {
            #expect(machine.take(sample(second, value), now: sample(second, 0).time) == nil)
        }
        #expect(machine.take(sample(5, 100), now: sample(5, 0).time)?.success == true)
    }

    @Test func aPlanCannotAskForFewerThanThree() {
        var hasty = verification
        hasty.scrapes = 1
        var machine = VerificationMachine(hasty, since: Fixtures.now)
        for second in [1.0, 2] { #expect(machine.take(sample(second, 100), now: sample(second, 0).time) == nil) }
        #expect(machine.take(sample(3, 100), now: sample(3, 0).time)?.success == true)
    }

    @Test func oldRepeatedMissingAndNaNProveNothing() {
        var machine = VerificationMachine(verification, since: Fixtures.now)
        for _ in 0..<10 { #expect(machine.take(sample(-1, 100), now: Fixtures.now) == nil) }
        for _ in 0..<10 { #expect(machine.take(sample(1, 100), now: Fixtures.now) == nil) }
        for _ in 0..<10 { #expect(machine.take(nil, now: Fixtures.now) == nil) }
        #expect(machine.take(sample(2, .nan), now: Fixtures.now) == nil)
        let end = machine.take(nil, now: Fixtures.now.advanced(bySeconds: 30))
        #expect(end?.success == false)
    }
}
