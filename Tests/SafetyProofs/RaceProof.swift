import Authority
import Bus
import Decision
import Model
import Proofs
import RedisBus
import RedisClient
import Signatures
import Synchronization
import TestSupport
import WireFormat

/// Everything that can happen to an undecided plan at the same time, in every order: against the table of rules.
///
/// Each party is real code on one store. It is held up before each change that depends on the plan, so that a schedule
/// says who looks and who writes when; after the schedule everybody goes on in turn.
package enum RaceProof {
    /// What a party does to the plan.
    package enum Move: String, Sendable, CaseIterable {
        case approve, reject, revoke, expire, supersede, claim
    }

    /// Where the plan stands at the beginning.
    package enum Beginning: String, Sendable, CaseIterable {
        /// One approval is needed.
        case awaiting
        /// Two are needed, one is there.
        case halfApproved
        /// Approved by another person.
        case approved
    }

    /// Every order in which so many parties can look and write.
    package static func schedules(_ parties: Int) -> [[Int]] {
        func extend(_ rest: [Int]) -> [[Int]] {
            guard rest.contains(where: { $0 > 0 }) else { return [[]] }
            return rest.indices.filter { rest[$0] > 0 }.flatMap { party in
                var next = rest
                next[party] -= 1
                return extend(next).map { [party] + $0 }
            }
        }
        return extend(Array(repeating: 2, count: parties))
    }

    /// Every choice of so many different moves.
    package static func choices(_ count: Int) -> [[Move]] {
        func choose(_ count: Int, _ from: ArraySlice<Move>) -> [[Move]] {
            guard count > 0 else { return [[]] }
            return from.indices.flatMap { index in
                choose(count - 1, from[(index + 1)...]).map { [from[index]] + $0 }
            }
        }
        return choose(count, Move.allCases[...])
    }

    /// Runs every schedule of every choice of so many moves.
    ///
    /// - Parameters:
    ///   - parties: how many at a time.
    ///   - every: only every so manieth schedule; 1 for all.
    ///   - store: makes the store of one run, with keys that no other run uses.
    static func run(
        parties: Int, every: Int = 1, _ report: inout ProofReport,
        store: (Int) -> (any BusStore, Keys) = { _ in (ModelStore(), Keys()) }
    ) async throws {
        let orders = schedules(parties)
        var index = 0
        for beginning in Beginning.allCases {
            for moves in choices(parties) {
                for order in orders {
                    index += 1
                    guard index % every == 0 else { continue }
                    await Task.yield()
                    let (store, keys) = store(index)
                    try await Race(moves, beginning, store, keys).check(order, &report)
                }
            }
        }
    }
}

/// The rules, without the code that is tested.
private struct Rules {
    var state: PlanState
    var missing: Int

    /// What a move does: whether it is recorded.
    mutating func apply(_ move: RaceProof.Move) -> Bool {
        let undecided = state == .awaiting
        let unclaimed = undecided || state == .approved
        switch move {
        case .approve:
            guard undecided else { return false }
            missing -= 1
            if missing == 0 { state = .approved }
        case .reject:
            guard unclaimed else { return false }
            state = .rejected
        case .revoke:
            guard unclaimed else { return false }
            state = .revoked
        case .expire:
            guard undecided else { return false }
            state = .expired
        case .supersede:
            guard unclaimed else { return false }
            state = .superseded
        case .claim:
            guard state == .approved else { return false }
            state = .succeeded
        }
        return true
    }
}

/// One schedule of some moves on one plan.
private final class Race: Sendable {
    private let moves: [RaceProof.Move]
    private let beginning: RaceProof.Beginning
    private let store: any BusStore
    private let keys: Keys
    /// Parties in the order in which they changed the plan, or found that there was nothing to change.
    private let order = Mutex<[Int]>([])
    private let recorded = Mutex<Set<Int>>([])

    init(_ moves: [RaceProof.Move], _ beginning: RaceProof.Beginning, _ store: any BusStore, _ keys: Keys) {
        self.moves = moves
        self.beginning = beginning
        self.store = store
        self.keys = keys
    }

    /// A party that is held up before each of its changes.
    private final class Party: Sendable {
        private let (stops, stopped) = AsyncStream.makeStream(of: Bool.self)
        private let (signals, signal) = AsyncStream.makeStream(of: Void.self)
        private let task = Mutex<Task<Void, Never>?>(nil)
        private let isOver = Mutex(false)

        /// Lets it go on to its next change, or to its end.
        func step(_ body: @escaping @Sendable () async -> Void) async {
            guard !isOver.withLock({ $0 }) else { return }
            let isFirst = task.withLock { task in
                guard task == nil else { return false }
                task = Task {
                    await body()
                    stopped.yield(true)
                }
                return true
            }
            if !isFirst { signal.yield() }
            for await ended in stops {
                isOver.withLock { $0 = ended }
                return
            }
        }

        func hold() async {
            stopped.yield(false)
            for await _ in signals { return }
        }

        var hasEnded: Bool { isOver.withLock { $0 } }
    }

    func check(_ schedule: [Int], _ report: inout ProofReport) async throws {
        let needed = beginning == .halfApproved ? 2 : 1
        let stage = try Stage(store: store, keys: keys)
        let record = try await stage.propose { $0.quorum = needed }
        if beginning != .awaiting { try await stage.say(.approve, about: record, by: "john@example.com") }
        let parties = moves.map { _ in Party() }
        for turn in schedule + Array(repeating: Array(parties.indices), count: 60).joined() {
            guard parties.contains(where: { !$0.hasEnded }) else { break }
            await parties[turn].step { await self.act(turn, parties[turn], stage, record) }
        }
        try await judge(schedule, parties.allSatisfy(\.hasEnded), stage, record, &report)
    }

    private func judge(
        _ schedule: [Int], _ haveEnded: Bool, _ stage: Stage, _ record: PlanRecord, _ report: inout ProofReport
    ) async throws {
        let order = order.withLock { $0 }
        let name = "\(beginning.rawValue), \(moves.map(\.rawValue)) as \(schedule), in the order \(order)"
        report.runs += 1
        report.require(haveEnded, "\(name): somebody never came to an end")
        var rules = Rules(
            state: beginning == .approved ? .approved : .awaiting, missing: beginning == .approved ? 0 : 1)
        var expected: Set<Int> = []
        for party in order where rules.apply(moves[party]) { expected.insert(party) }
        let recorded = recorded.withLock { $0 }
        report.require(
            recorded == expected,
            "\(name): \(recorded.sorted()) were recorded, by the rules \(expected.sorted())")
        let state = try await stage.record(record.hash).state
        report.require(
            state == rules.state, "\(name): the plan is \(state.rawValue), by the rules \(rules.state.rawValue)")
        report.count("ended \(state.rawValue)")
        let effects = stage.effects.count
        report.require(effects == (state == .succeeded ? 2 : 0), "\(name): \(state.rawValue) with \(effects) effects")
        let queue = try await store.lowest(keys.approvalQueue(stage.partition), maximum: .max, limit: 10)
        report.require(
            queue.isEmpty == (state != .awaiting), "\(name): \(state.rawValue), and \(queue.count) in the queue")
        let begun = try await store.lowest(keys.executionQueue(stage.partition), maximum: .max, limit: 10)
        report.require(begun.isEmpty, "\(name): \(begun.count) are still in the queue of executions")
        let decided = try await store.entries(keys.stream(.decisions, stage.partition), after: .zero, limit: 100)
            .compactMap { $0.text("state") }
        report.require(Set(decided).count == decided.count, "\(name): decided \(decided)")
    }

    // MARK: Parties

    private func act(_ party: Int, _ gate: Party, _ stage: Stage, _ record: PlanRecord) async {
        let plan = keys.plan(record.hash, stage.partition)
        let hooked = HookedStore(
            store,
            before: { change in
                guard Self.isAbout(plan, change) else { return .answered }
                await gate.hold()
                return .answered
            },
            after: { change, isMade in
                guard isMade, Self.isAbout(plan, change) else { return }
                if self.recorded.withLock({ $0.insert(party).inserted }) { self.order.withLock { $0.append(party) } }
            })
        do {
            try await Stage.$view.withValue(hooked) { try await perform(moves[party], stage, record, party) }
        } catch {
            // What ends a party ends it: the record tells.
        }
        if !recorded.withLock({ $0.contains(party) }) { order.withLock { $0.append(party) } }
    }

    /// Whether a change depends on the state of the plan.
    private static func isAbout(_ plan: String, _ change: HookedStore.Change) -> Bool {
        switch change {
        case .statement(let request): request.plan == plan
        case .transaction(let transaction): transaction.checks.contains { $0.key == plan && $0.field == "version" }
        }
    }

    private func perform(_ move: RaceProof.Move, _ stage: Stage, _ record: PlanRecord, _ party: Int) async throws {
        switch move {
        case .approve: try await stage.say(.approve, about: record)
        case .reject: try await stage.say(.reject, about: record, by: "mary@example.com")
        case .revoke: try await stage.say(.revoke, about: record)
        case .expire: try await stage.plan(.timers, PlannerStage.timer(record))
        case .supersede: try await stage.plan(.incidents, try PlannerStage.resolved(at: stage.now))
        case .claim: try await stage.execute(term: Int64(party + 1))
        }
    }
}

/// The races: all of two and three parties, and as many of four as there are runs, evenly chosen; 113,400 are all of them.
package enum RacesProof: Proof {
    package static let name = "races"
    package static let fullRuns = 4_000

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var report = ProofReport(name, seed: seed)
        let all = RaceProof.Beginning.allCases.count * RaceProof.choices(4).count * RaceProof.schedules(4).count
        for parties in 2...4 {
            try await RaceProof.run(parties: parties, every: parties < 4 ? 1 : max(1, all / runs), &report)
            progress("\(report.runs) schedules of up to \(parties) parties in memory")
        }
        report.figures["schedules in memory"] = Double(report.runs)
        let before = report.runs
        try await onRedis(&report, pairs: 1, triples: 5)
        report.figures["schedules on Redis"] = Double(report.runs - before)
        return report
    }

    /// The suite's form: all pairs and some of the triples in memory, some pairs on a server.
    package static func short(seed: UInt64) async throws -> ProofReport {
        var report = ProofReport(name, seed: seed)
        try await RaceProof.run(parties: 2, &report)
        try await RaceProof.run(parties: 3, every: 397, &report)
        try await onRedis(&report, pairs: 11, triples: 0)
        return report
    }

    private static func onRedis(_ report: inout ProofReport, pairs: Int, triples: Int) async throws {
        let server = try RedisServer()
        let client = try server.client()
        let running = Task { await client.run() }
        defer { running.cancel() }
        let redis = RedisBus(client: client, logger: RedisServer.quiet)
        try await redis.ensureLibrary()
        try await RaceProof.run(parties: 2, every: pairs, &report) { (redis, Keys(prefix: "two\($0):")) }
        guard triples > 0 else { return }
        try await RaceProof.run(parties: 3, every: triples, &report) { (redis, Keys(prefix: "three\($0):")) }
    }
}
