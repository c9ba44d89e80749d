import Authority
import Bus
import KubeSimulator
import Model
import Proofs
import Remediation
import Synchronization
import TestSupport

/// Every crash point of the executor × every step × every outcome of the reply, enumerated; then two crashes at random.
package enum CrashProof {
    /// How the request that changes the target is answered.
    static let replies: [(name: String, fault: Fault?)] = [
        ("seen", nil), ("lost after", Fault(.timeoutAfter, resource: "deployments")),
        ("lost before", Fault(.timeoutBefore, resource: "deployments")),
        ("500 after", Fault(.statusAfter, status: 500, resource: "deployments")),
        ("truncated", Fault(.truncated, resource: "deployments")),
        ("claim lost after", Fault(.timeoutAfter, resource: "leases")),
        ("claim lost before", Fault(.timeoutBefore, resource: "leases")),
    ]

    /// Counts down to the moment at which an incarnation dies.
    private final class Schedule: Sendable {
        private let rest: Mutex<Int>
        private let point: CrashPoint?
        let reached = Mutex<Set<CrashPoint>>([])

        init(_ point: CrashPoint?, hit: Int) {
            self.point = point
            rest = Mutex(hit)
        }

        func probe(_ reached: CrashPoint) throws {
            self.reached.withLock { _ = $0.insert(reached) }
            guard reached == point else { return }
            let isNow = rest.withLock { rest in
                rest -= 1
                return rest == 0
            }
            if isNow { throw Stage.Died() }
        }

        var hasStruck: Bool { rest.withLock { $0 <= 0 } }
    }

    /// Runs the proof.
    ///
    /// - Parameters:
    ///   - runs: schedules with two crashes, after the enumeration.
    ///   - isShort: enumerates two replies instead of all.
    package static func run(
        runs: Int, seed: UInt64, isShort: Bool = false
    ) async throws -> ProofReport {
        var result = ProofReport("crash-points", seed: seed)
        var reached: Set<CrashPoint> = []
        for isGood in [true, false] {
            for reply in isShort ? Array(replies.prefix(2)) : replies {
                for skip in 0..<(reply.fault == nil ? 1 : 3) {
                    for point in CrashPoint.allCases {
                        for hit in 1...3 {
                            let crashes = [(point, hit)]
                            let name =
                                "\(point.rawValue) \(hit), reply \(reply.name) \(skip), metric \(isGood ? "good" : "bad")"
                            let isStruck = try await check(
                                name, crashes, reply.fault, skip: skip, isGood: isGood, &reached, &result)
                            if !isStruck { break }
                        }
                    }
                }
            }
        }
        var generator = SeededGenerator(seed: seed)
        for index in 0..<runs {
            let crashes = (0..<2).map { _ in
                (
                    CrashPoint.allCases.randomElement(using: &generator) ?? .afterClaim,
                    Int.random(in: 1...4, using: &generator)
                )
            }
            let reply = replies.randomElement(using: &generator) ?? replies[0]
            let name = "random \(index): \(crashes), reply \(reply.name)"
            _ = try await check(
                name, crashes, reply.fault, skip: Int.random(in: 0...4, using: &generator),
                isGood: Bool.random(using: &generator), &reached, &result)
        }
        for point in CrashPoint.allCases where !reached.contains(point) {
            result.violations.append("the crash point \(point.rawValue) was never reached")
        }
        result.figures["crash points reached"] = Double(reached.count)
        return result
    }

    /// One schedule: incarnations die as told, then others go on until the plan is over.
    ///
    /// - Returns: whether the first crash happened.
    private static func check(
        _ name: String, _ crashes: [(CrashPoint, Int)], _ fault: Fault?, skip: Int, isGood: Bool,
        _ reached: inout Set<CrashPoint>, _ result: inout ProofReport
    ) async throws -> Bool {
        await Task.yield()
        let stage = try Stage()
        stage.metric.withLock { $0 = isGood ? 100 : 500 }
        let record = try await stage.propose()
        try await stage.say(.approve, about: record)
        if var fault {
            fault.skip = skip
            stage.server.add(faults: [fault])
        }
        var first: Schedule?
        for term in 1...8 {
            let crash = term <= crashes.count ? crashes[term - 1] : nil
            let schedule = Schedule(crash?.0, hit: crash?.1 ?? 1)
            if term == 1 { first = schedule }
            do {
                try await stage.execute(term: Int64(term)) { try schedule.probe($0) }
            } catch {
                // Dead, or fenced by what a dead one left behind: the next incarnation goes on.
            }
            reached.formUnion(schedule.reached.withLock { $0 })
            let state = try await stage.record(record.hash).state
            if state.isTerminal, crash == nil { break }
        }
        result.runs += 1
        let state = try await stage.record(record.hash).state
        result.count("ended \(state.rawValue)")
        var counts: [String: Int] = [:]
        for effect in stage.effects { counts[effect.operation, default: 0] += 1 }
        result.require(state.isTerminal, "\(name): the plan is still \(state.rawValue)")
        for (operation, count) in counts where count > 1 {
            result.violations.append("\(name): \(operation) was applied \(count) times")
        }
        let prefix = record.hash.prefix(16)
        let steps = (0...1).map { counts["\(prefix)-step-\($0)"] ?? 0 }
        let undone = counts["\(prefix)-rollback-0"] ?? 0
        switch state {
        case .succeeded: result.require(steps == [1, 1] && undone == 0 && isGood, "\(name): SUCCEEDED with \(counts)")
        case .rolledBack: result.require(undone == 1 && steps[0] == 1, "\(name): ROLLED_BACK with \(counts)")
        case .needsHuman: break
        default: result.require(counts.isEmpty, "\(name): \(state.rawValue) with \(counts)")
        }
        let known = Set((0...1).map { "\(prefix)-step-\($0)" } + ["\(prefix)-rollback-0"])
        result.require(counts.keys.allSatisfy(known.contains), "\(name): unapproved effects \(counts)")
        return first?.hasStruck ?? false
    }

    /// Many plans side by side on one incarnation that dies somewhere, and others that go on.
    package static func sideBySide(runs: Int, plans: Int = 6, seed: UInt64) async throws -> ProofReport {
        var result = ProofReport("side by side", seed: seed)
        var generator = SeededGenerator(seed: seed)
        for index in 0..<runs {
            let most = Int.random(in: 1...plans, using: &generator)
            let stage = try Stage { $0.budgets.concurrent = most }
            let (targets, objects) = Stage.neighbours(plans)
            stage.server.load(objects)
            var hashes: [String] = []
            for target in targets {
                let record = try await stage.propose(on: target)
                try await stage.say(.approve, about: record)
                hashes.append(record.hash)
            }
            let point = CrashPoint.allCases.randomElement(using: &generator) ?? .afterClaim
            let schedule = Schedule(point, hit: Int.random(in: 1...(3 * plans), using: &generator))
            let name = "side by side \(index): \(point.rawValue), \(most) at a time"
            for term in 1...4 {
                try? await stage.execute(term: Int64(term)) { if term == 1 { try schedule.probe($0) } }
            }
            result.runs += 1
            result.count(schedule.hasStruck ? "with a crash" : "without a crash")
            var counts: [String: Int] = [:]
            for effect in stage.effects { counts[effect.operation, default: 0] += 1 }
            for hash in hashes {
                let state = try await stage.record(hash).state
                result.count("ended \(state.rawValue)")
                let steps = (0...1).map { counts["\(hash.prefix(16))-step-\($0)"] ?? 0 }
                let undone = counts["\(hash.prefix(16))-rollback-0"] ?? 0
                // Time passes for all of them whenever one waits, so that a verification may run out of it.
                let isRight =
                    switch state {
                    case .succeeded: steps == [1, 1] && undone == 0
                    case .rolledBack: steps[0] == 1 && steps[1] <= 1 && undone == 1
                    default: state == .needsHuman && (steps + [undone]).allSatisfy { $0 <= 1 }
                    }
                result.require(isRight, "\(name): \(state.rawValue) with \(steps), undone \(undone)")
            }
            let rest = try await stage.store.lowest(
                stage.keys.executionQueue(stage.partition), maximum: .max, limit: 100)
            result.require(rest.isEmpty, "\(name): \(rest.count) plans are still in the queue")
        }
        return result
    }

    /// An executor that sleeps at a crash point while another takes over, and then wakes.
    package static func zombies(seed: UInt64) async throws -> ProofReport {
        var result = ProofReport("zombies", seed: seed)
        for point in CrashPoint.allCases where point != .beforeRollback && point != .afterRollbackPatch {
            let stage = try Stage()
            let record = try await stage.propose()
            try await stage.say(.approve, about: record)
            let (asleep, sleeping) = AsyncStream.makeStream(of: Void.self)
            let (alarm, wake) = AsyncStream.makeStream(of: Void.self)
            let hasSlept = Mutex(false)
            let zombie = Task {
                try await stage.execute(term: 1) { reached in
                    let isNow = hasSlept.withLock { slept in
                        guard reached == point, !slept else { return false }
                        slept = true
                        return true
                    }
                    guard isNow else { return }
                    sleeping.yield()
                    for await _ in alarm { break }
                }
            }
            for await _ in asleep { break }
            try? await stage.execute(term: 2)
            wake.yield()
            _ = await zombie.result
            var counts: [String: Int] = [:]
            for effect in stage.effects { counts[effect.operation, default: 0] += 1 }
            result.runs += 1
            let state = try await stage.record(record.hash).state
            result.require(counts.values.allSatisfy { $0 == 1 }, "\(point.rawValue): \(counts)")
            result.require(
                state == .succeeded || state == .needsHuman, "\(point.rawValue): ended \(state.rawValue)")
            result.count("ended \(state.rawValue)")
        }
        return result
    }
}
