import Authority
import Bus
import Decision
import Model
import Proofs
import Signatures
import Synchronization
import TestSupport
import WireFormat

/// Every crash point of the planner, and of whoever hands statements in, × every answer of the store: one plan, one
/// statement, one decision, whatever dies and is tried again.
package enum DecisionCrashProof {
    private struct Died: Error {}

    /// Dies at one of the points, once.
    private final class Fuse: Sendable {
        private let rest: Mutex<Int>
        private let name: String?

        init(_ name: String?, hit: Int = 1) {
            self.name = name
            rest = Mutex(hit)
        }

        func reach(_ point: String) throws {
            guard point == name else { return }
            let isNow = rest.withLock { rest in
                rest -= 1
                return rest == 0
            }
            if isNow { throw Died() }
        }

        var hasStruck: Bool { rest.withLock { $0 <= 0 } }
    }

    /// A store whose change number `number` is delivered as told; those after it as usual.
    private static func view(_ store: any BusStore, _ delivery: HookedStore.Delivery, _ number: Int) -> HookedStore {
        let rest = Mutex(number)
        return HookedStore(
            store,
            before: { _ in
                rest.withLock { rest in
                    rest -= 1
                    return rest == 0 ? delivery : .answered
                }
            })
    }

    package static func run(seed: UInt64) async throws -> ProofReport {
        var report = ProofReport("crash points of decisions", seed: seed)
        try await planner(&report)
        try await statements(&report)
        return report
    }

    // MARK: Planner

    /// What a planner reads: an incident, its end, the end of a plan's time.
    private enum Input: String, CaseIterable {
        case incident, resolved, expired
    }

    private static func planner(_ report: inout ProofReport) async throws {
        var struck: Set<String> = []
        for input in Input.allCases {
            for point in PlannerPoint.allCases.map(Optional.some) + [nil] {
                for delivery in HookedStore.Delivery.allCases {
                    let fuse = Fuse(point?.rawValue)
                    let name =
                        "planner, \(input.rawValue), dies at \(point?.rawValue ?? "no point"), \(delivery.rawValue)"
                    try await plan(name, input, fuse, delivery, &report)
                    if fuse.hasStruck, let point { struck.insert(point.rawValue) }
                }
            }
        }
        for point in PlannerPoint.allCases where !struck.contains(point.rawValue) {
            report.violations.append("the crash point \(point.rawValue) was never reached")
        }
    }

    private static func plan(
        _ name: String, _ input: Input, _ fuse: Fuse, _ delivery: HookedStore.Delivery, _ report: inout ProofReport
    ) async throws {
        await Task.yield()
        let stage = try Stage()
        let keys = stage.keys
        let partition = stage.partition
        let incident = PlannerStage.incident(.open, revision: 1, at: stage.now)
        try await feed(stage, .incidents, try PlannerStage.entry(incident, at: stage.now))
        if input != .incident { try await turn(stage, Fuse(nil)) }
        let first = try await stage.store.ranked(keys.planIndex(partition), minimum: 0, limit: 10)
        switch input {
        case .incident: break
        case .resolved: try await feed(stage, .incidents, try PlannerStage.resolved(at: stage.now))
        case .expired:
            guard let hash = first.first?.member else { throw ProofError("there is no plan to expire") }
            try await feed(stage, .timers, [Field("timer", "expiry:\(hash)")])
        }
        let view = view(stage.store, delivery, 1)
        // One that dies or loses an answer, then others that go on.
        try? await Stage.$view.withValue(view) { try await turn(stage, fuse) }
        for _ in 0..<3 { try await turn(stage, Fuse(nil)) }
        report.runs += 1
        let plans = try await stage.store.ranked(keys.planIndex(partition), minimum: 0, limit: 10)
        report.require(plans.count == 1, "\(name): \(plans.count) plans")
        guard let hash = plans.first?.member else { return }
        let state = try await stage.record(hash).state
        let expected: PlanState =
            switch input {
            case .incident: .awaiting
            case .resolved: .superseded
            case .expired: .expired
            }
        report.require(state == expected, "\(name): \(state.rawValue) instead of \(expected.rawValue)")
        func count(_ topic: Topic) async throws -> Int { try await stage.store.length(keys.stream(topic, partition)) }
        let entries = try await count(.plans)
        report.require(entries == 1, "\(name): \(entries) entries of plans")
        let decisions = try await count(.decisions)
        report.require(decisions == (input == .incident ? 0 : 1), "\(name): \(decisions) decisions")
        let audit = try await count(.audit)
        report.require(audit == (input == .incident ? 1 : 2), "\(name): \(audit) audit entries")
        let queue = try await stage.store.lowest(keys.approvalQueue(partition), maximum: .max, limit: 10).count
        report.require(queue == (input == .incident ? 1 : 0), "\(name): \(queue) in the queue")
    }

    private static func feed(_ stage: Stage, _ topic: Topic, _ fields: [Field]) async throws {
        _ = try await stage.store.transition(
            Transaction(changes: [.append(stream: stage.keys.stream(topic, stage.partition), fields: fields)]))
    }

    /// One incarnation of the planner: takes the lease, reads on from its position, commits each entry with its step.
    private static func turn(_ stage: Stage, _ fuse: Fuse) async throws {
        let (store, keys, partition) = (stage.store, stage.keys, stage.partition)
        let key = keys.lease(PlannerSession.role, partition)
        let old = try await store.lease(key)
        let owner = "planner-\((old?.token ?? 0) + 1)"
        guard case .taken(let record) = try await store.takeLease(key, owner: owner, expected: old) else {
            throw ProofError("the lease was not free")
        }
        let lease = LeaseProof(key: key, owner: owner, token: record.token)
        var session = try await stage.planner { try fuse.reach($0.rawValue) }
        let stateKey = keys.state(PlannerSession.role, partition)
        var operations = 0
        for topic in PlannerSession.inputs {
            let stream = keys.stream(topic, partition)
            guard
                case .entries(let entries, var position, _) = try await store.read(
                    ReadRequest(lease: lease, stateKey: stateKey, stream: stream, limit: 100))
            else { throw FencedError.fenced }
            for entry in entries {
                var transaction = try await session.process(entry, topic: topic)
                operations += 1
                transaction.lease = lease
                transaction.operation = .init(key: key, id: "\(record.token)-\(operations)")
                transaction.advances.append(
                    .init(
                        stateKey: stateKey, stream: stream, group: PlannerSession.role, from: position, to: entry.id))
                switch try await store.commit(transaction) {
                case .committed, .repeated: position = entry.id
                case .fenced: throw FencedError.fenced
                case .conflict(let key, let field): throw CommitConflict(key: key, field: field)
                }
            }
        }
        _ = try await session.elapse()
    }

    // MARK: Statements

    /// What a person says, and where the plan stands before.
    private static let words: [(verdict: Verdict, role: String, before: PlanState, after: PlanState)] = [
        (.approve, Verifier.approverRole, .awaiting, .approved),
        (.approve, Verifier.breakGlassRole, .awaiting, .approved),
        (.approve, Verifier.delegateRole, .awaiting, .approved),
        (.reject, Verifier.approverRole, .awaiting, .rejected),
        (.revoke, Verifier.approverRole, .approved, .revoked), (.abort, Verifier.approverRole, .running, .running),
    ]

    private static func statements(_ report: inout ProofReport) async throws {
        var struck: Set<String> = []
        for word in words {
            for point in DecisionPoint.allCases.map(Optional.some) + [nil] {
                for delivery in HookedStore.Delivery.allCases {
                    for number in 1...(word.role == Verifier.breakGlassRole ? 2 : 1) {
                        for isSame in [true, false] {
                            let fuse = Fuse(point?.rawValue)
                            let name =
                                "\(word.verdict.rawValue) as \(word.role), dies at \(point?.rawValue ?? "no point"), change "
                                + "\(number) \(delivery.rawValue), \(isSame ? "the same" : "another") statement again"
                            try await say(name, word, fuse, delivery, number, isSame, &report)
                            if fuse.hasStruck, let point { struck.insert(point.rawValue) }
                        }
                    }
                }
            }
        }
        for point in DecisionPoint.allCases where !struck.contains(point.rawValue) {
            report.violations.append("the crash point \(point.rawValue) was never reached")
        }
    }

    private static func say(
        _ name: String, _ word: (verdict: Verdict, role: String, before: PlanState, after: PlanState), _ fuse: Fuse,
        _ delivery: HookedStore.Delivery, _ number: Int, _ isSame: Bool, _ report: inout ProofReport
    ) async throws {
        await Task.yield()
        let stage = try Stage()
        let (keys, partition) = (stage.keys, stage.partition)
        let proposed = try await stage.propose()
        if word.before != .awaiting { try await stage.say(.approve, about: proposed, by: "john@example.com") }
        if word.before == .running {
            let key = keys.plan(proposed.hash, partition)
            _ = try await stage.store.transition(
                Transaction(changes: [.set(key: key, fields: [Field("state", word.before.rawValue)])]))
        }
        let filed = FiledPlan(record: try await stage.record(proposed.hash), partition: partition)
        func length(_ topic: Topic) async throws -> Int { try await stage.store.length(keys.stream(topic, partition)) }
        let (audit, decisions) = (try await length(.audit), try await length(.decisions))
        func statement(_ digit: String) throws -> (SignedStatement, ApprovalStatement) {
            try StatementMaker(cluster: "proof", policyHash: "policy-1", digest: SHA256Digest()).make(
                word.verdict, about: filed.record, plan: try filed.record.plan(), approver: "jane@example.com",
                role: word.role, comment: "why", nonce: String(repeating: digit, count: 32),
                signer: word.role == Verifier.delegateRole ? stage.gateway : stage.jane, now: stage.now)
        }
        let first = try statement("1")
        let view = view(stage.store, delivery, number)
        let answer = try? await Stage.$view.withValue(view) {
            let desk = ApprovalDesk(
                store: stage.store, keys: keys, partitions: 16, digest: SHA256Digest(), now: { stage.now },
                probe: { try fuse.reach($0.rawValue) })
            let result = try await desk.submit(first.0, first.1, about: filed)
            try await desk.answered()
            return result
        }
        let held = try await stage.record(proposed.hash)
        let wasRecorded = (held.statements.merging(held.withdrawals) { $1 })["jane@example.com"] != nil
        // Whoever has a receipt has it for something that is there.
        if let answer {
            report.require(answer == .recorded(state: word.after.rawValue) && wasRecorded, "\(name): \(answer)")
        }
        let again = isSame ? first : try statement("2")
        let second = try await stage.desk.submit(again.0, again.1, about: filed)
        let expected: ApproveResult =
            !wasRecorded
            ? .recorded(state: word.after.rawValue)
            : isSame ? .repeated(state: word.after.rawValue) : .contradicts(state: word.after.rawValue)
        report.runs += 1
        report.count("\(word.verdict.rawValue) \(wasRecorded ? "was" : "was not") recorded the first time")
        report.require(second == expected, "\(name): \(second) instead of \(expected)")
        let record = try await stage.record(proposed.hash)
        report.require(record.state == word.after, "\(name): \(record.state.rawValue)")
        let said = (record.statements.merging(record.withdrawals) { $1 })["jane@example.com"]
        let kept = wasRecorded ? first : again
        report.require(said == (try kept.0.canonicalJSON()), "\(name): another statement is stored")
        let links = try await length(.audit) - audit
        report.require(links == 1, "\(name): \(links) audit entries")
        let settled = word.after == word.before ? 0 : 1
        let decided = try await length(.decisions) - decisions
        report.require(decided == settled, "\(name): \(decided) decisions")
        if word.role == Verifier.breakGlassRole {
            let reviews = try await stage.store.lowest(keys.reviewQueue(partition), maximum: .max, limit: 10)
            report.require(reviews.map(\.member) == [proposed.hash], "\(name): \(reviews.count) reviews")
        }
    }
}
