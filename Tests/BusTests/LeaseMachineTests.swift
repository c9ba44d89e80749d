import Bus
import TestSupport
import Testing

@Suite struct LeaseMachineTests {
    private let timing = LeaseTiming(
        lease: .milliseconds(600), renewDeadline: .milliseconds(400), retry: .milliseconds(100))

    @Test(arguments: [LeaseTiming.partition, .leader])
    func defaultsAreSafe(timing: LeaseTiming) { #expect(timing.problem == nil) }

    @Test func unsafeTimingsAreNamed() {
        #expect(LeaseTiming(lease: .seconds(5), renewDeadline: .seconds(4), retry: .seconds(1)).problem != nil)
        #expect(LeaseTiming(lease: .seconds(6), renewDeadline: .seconds(4), retry: .seconds(2)).problem != nil)
    }

    @Test func aFreeLeaseIsTakenAtOnceAndAHeldOneOnlyWhenItsBeatStandsStill() {
        var free = LeaseMachine(timing: timing, now: .zero)
        #expect(free.next(now: .zero) == .observe)
        free.observed(nil, now: .zero)
        #expect(free.next(now: .zero) == .take(expected: nil))

        var waiting = LeaseMachine(timing: timing, now: .zero)
        var record = LeaseRecord(owner: "a", token: 1, beat: 1)
        var now = Duration.zero
        for _ in 0..<50 {
            record.beat += 1
            waiting.observed(record, now: now)
            #expect(waiting.next(now: now) != .take(expected: record))
            now += .milliseconds(500)
        }
        waiting.observed(record, now: now)
        #expect(waiting.next(now: now + .milliseconds(600)) == .take(expected: record))
    }

    @Test func theHolderCountsFromBeforeItsRenewalWasSent() {
        var machine = LeaseMachine(timing: timing, now: .zero)
        machine.observed(nil, now: .zero)
        machine.answered(.taken(LeaseRecord(owner: "me", token: 7, beat: 1)), sentAt: .zero, now: .milliseconds(350))
        #expect(machine.token == 7)
        #expect(machine.next(now: .milliseconds(350)) == .renew(token: 7))
        #expect(machine.next(now: .milliseconds(400)) == .stop)
        machine.renewed(sentAt: .milliseconds(399))
        #expect(machine.next(now: .milliseconds(401)) == .stop)
        #expect(machine.token == nil)
    }

    /// Contenders with random delays, pauses and lost answers against one record: two never believe at once.
    @Test func neverTwoHolders() {
        for seed in 0..<300 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var stored: LeaseRecord?
            var machines = (0..<3).map { _ in LeaseMachine(timing: timing, now: .zero) }
            var paused = [Duration](repeating: .zero, count: 3)
            var now = Duration.zero
            for _ in 0..<2_000 {
                now += .milliseconds(Int.random(in: 1...20, using: &generator))
                let index = Int.random(in: 0..<3, using: &generator)
                if paused[index] > now { continue }
                if Int.random(in: 0..<200, using: &generator) == 0 {
                    paused[index] = now + .milliseconds(Int.random(in: 0...2_000, using: &generator))
                    continue
                }
                let isLost = Int.random(in: 0..<10, using: &generator) == 0
                switch machines[index].next(now: now) {
                case .observe:
                    if isLost {
                        machines[index].unanswered(now: now)
                    } else {
                        machines[index].observed(stored, now: now)
                    }
                case .take(let expected):
                    let current = stored
                    if current == expected {
                        let record = LeaseRecord(
                            owner: "\(index)", token: (current?.token ?? 0) + 1, beat: (current?.beat ?? 0) + 1)
                        stored = record
                        if isLost {
                            machines[index].unanswered(now: now)
                        } else {
                            machines[index].answered(.taken(record), sentAt: now, now: now)
                        }
                    } else if let current {
                        machines[index].answered(.refused(current), sentAt: now, now: now)
                    }
                case .renew(let token):
                    if stored?.owner == "\(index)", stored?.token == token {
                        stored?.beat += 1
                        if isLost { machines[index].unanswered(now: now) } else { machines[index].renewed(sentAt: now) }
                    } else {
                        machines[index].fenced()
                    }
                case .wait: break
                case .stop: machines[index] = LeaseMachine(timing: timing, now: now)
                }
                // A paused holder has not looked at its clock yet; it believes only when it may act.
                let believers = machines.indices.filter { index in
                    guard paused[index] <= now, machines[index].token != nil else { return false }
                    var copy = machines[index]
                    return copy.next(now: now) != .stop
                }
                #expect(believers.count <= 1, "seed \(seed)")
            }
        }
    }
}

@Suite struct BackoffTests {
    @Test func growsToItsCeilingAndStartsOver() {
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(1))
        let delays = (0..<30).map { _ in backoff.next(random: 0.999_999) }
        #expect(zip(delays, delays.dropFirst()).allSatisfy { $0 <= $1 + .microseconds(1) })
        #expect(delays.last.map { $0 <= .seconds(1) && $0 > .milliseconds(990) } == true)
        backoff.reset()
        #expect(backoff.next(random: 0) == .milliseconds(10))
    }
}
