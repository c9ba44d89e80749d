import Bus
import TestSupport

/// Workers that contend for a lease and fold a stream, in virtual time, with pauses, crashes and faults of the store.
///
/// One task plays everything in an order that the seed decides, so a seed always gives the same history.
struct FoldSimulation {
    private struct Worker {
        var name: Int
        var incarnation = 0
        var machine: LeaseMachine
        var session: Session?
        /// Whether this incarnation has had a session.
        var hasOpened = false
        var pausedUntil = Duration.zero
        /// How far this one's wall clock is ahead.
        var wallAhead = Duration.zero

        var owner: String { "w\(name)-\(incarnation)" }
    }

    private struct Session {
        var token: Int64
        var count: Int64
        var sum: Int64
        var position: EntryID
        var read: [StreamEntry] = []
        var operations = 0
    }

    private static let timing = LeaseTiming(
        lease: .milliseconds(600), renewDeadline: .milliseconds(400), retry: .milliseconds(100))
    private static let entries: Int64 = 40

    private let seed: UInt64
    private let bug: SeededBug?
    private let store: FaultyStore
    private let keys = Keys()
    private let partition = Partition(rawValue: 0)
    private var generator: SeededGenerator
    private var now = Duration.zero
    private var workers: [Worker]
    private var written: Int64 = 0
    /// What did not hold.
    private(set) var violations: [String] = []
    /// Times that a lease changed hands.
    private(set) var takeovers = 0

    init(seed: UInt64, bug: SeededBug? = nil) {
        self.seed = seed
        self.bug = bug
        self.store = FaultyStore(
            seed: seed,
            perThousand: [
                (.lostBefore, 40), (.lostAfter, 40), (.repeated, 20), (.answered("LOADING"), 5),
                (.answered("BUSY"), 5), (.outOfMemory, 10),
            ])
        self.generator = SeededGenerator(seed: seed &* 31 &+ 7)
        self.workers = (0..<3).map { Worker(name: $0, machine: LeaseMachine(timing: Self.timing, now: .zero)) }
    }

    private var input: String { keys.stream(.observations, partition) }
    private var output: String { keys.stream(.anomalies, partition) }
    private var state: String { keys.state("adder", partition) }
    private var lease: String { keys.lease("adder", partition) }

    private mutating func chance(_ share: Int, of whole: Int) -> Bool {
        Int.random(in: 0..<whole, using: &generator) < share
    }

    /// Plays until everything is done, or for so many steps; then judges.
    mutating func run(steps: Int = 3_000) async throws {
        for step in 0..<steps {
            now += .milliseconds(Int.random(in: 1...20, using: &generator))
            if chance(1, of: 8) { await write() }
            let index = Int.random(in: 0..<workers.count, using: &generator)
            await self.step(index)
            judgeBelievers()
            if step % 50 == 0, try await store.inner.length(output) >= Int(Self.entries) { break }
        }
        store.heal()
        for worker in workers.indices { workers[worker].pausedUntil = .zero }
        for _ in 0..<4_000 where try await store.inner.length(output) < Int(Self.entries) {
            now += .milliseconds(10)
            await write()
            for index in workers.indices { await step(index) }
            judgeBelievers()
        }
        let inputs = try await store.inner.entries(input, after: .zero, limit: 1_000)
            .compactMap { $0.text("n").flatMap { Int64($0) } }
        if inputs != Array(1...Self.entries) { violations.append("the stream itself is wrong") }
        violations += HistoryChecker.violations(
            inputs: inputs, outputs: try await HistoryChecker.outputs(store.inner, output))
    }

    private mutating func write() async {
        guard written < Self.entries else { return }
        let request = AppendRequest(
            stream: input, marks: keys.marks(partition), producer: "p", epoch: 1,
            previous: written == 0 ? nil : written, sequence: written + 1, entries: [[Field("n", "\(written + 1)")]])
        switch try? await store.append(request) {
        case .appended, .duplicate: written += 1
        default: break
        }
    }

    private mutating func step(_ index: Int) async {
        var worker = workers[index]
        defer { workers[index] = worker }
        guard worker.pausedUntil <= now else { return }
        if chance(1, of: 150) {
            worker.pausedUntil = now + .milliseconds(Int.random(in: 100...1_500, using: &generator))
            return
        }
        if chance(1, of: 300) { return restart(&worker) }
        if bug == .leaseOnWallClock, chance(1, of: 60) { worker.wallAhead += .seconds(2) }
        let own = now + worker.wallAhead
        do {
            switch worker.machine.next(now: own) {
            case .observe: worker.machine.observed(try await store.lease(lease), now: own)
            case .take(let expected):
                let answer = try await store.takeLease(lease, owner: worker.owner, expected: expected)
                worker.machine.answered(answer, sentAt: sent(own), now: own)
                if let token = worker.machine.token { try await open(&worker, token) }
            case .renew(let token):
                let isOurs = try await store.beatLease(LeaseProof(key: lease, owner: worker.owner, token: token))
                if isOurs { worker.machine.renewed(sentAt: sent(own)) } else { worker.machine.fenced() }
            case .wait: try await work(&worker)
            case .stop:
                guard bug == .loopOutlivesLeadership, worker.hasOpened else { return restart(&worker) }
                violations.append("a worker went on after it lost its lease")
                restart(&worker)
            }
        } catch {
            worker.machine.unanswered(now: own)
            // Its view may be out of date; a new session loads it again.
            worker.hasOpened = worker.hasOpened || worker.session != nil
            worker.session = nil
        }
    }

    /// The time that a request counts from: before it was sent, unless the bug says otherwise.
    private func sent(_ time: Duration) -> Duration {
        bug == .holderCountsFromReply ? time + .milliseconds(500) : time
    }

    private func restart(_ worker: inout Worker) {
        worker.incarnation += 1
        worker.hasOpened = false
        worker.machine = LeaseMachine(timing: Self.timing, now: now + worker.wallAhead)
        worker.session = nil
    }

    private mutating func open(_ worker: inout Worker, _ token: Int64) async throws {
        let fields = try await store.fields(state)
        func number(_ name: String) -> Int64 {
            fields[name].flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
        }
        func position(_ name: String) -> EntryID? {
            fields[name].flatMap { EntryID(String(decoding: $0, as: UTF8.self)) }
        }
        let isNew = !worker.hasOpened
        worker.hasOpened = true
        var session = Session(
            token: token, count: number("count"), sum: number("sum"), position: position("position:\(input)") ?? .zero)
        if isNew {
            takeovers += 1
            try await misplace(&session)
        }
        worker.session = session
    }

    /// Where a new holder with a bug begins.
    private func misplace(_ session: inout Session) async throws {
        let begin: EntryID?
        switch bug {
        case .groupAtTheEnd: begin = try await store.inner.newestEntries(input, limit: 1).first?.id
        case .groupAtTheBeginning: begin = .zero
        case .readNotRepeated:
            begin = try await store.inner.entries(input, after: session.position, limit: 2).last?.id
        default: return
        }
        guard let begin else { return }
        session.position = begin
        _ = try await store.inner.transition(
            Transaction(changes: [.set(key: state, fields: [Field("position:\(input)", "\(begin)")])]))
    }

    private mutating func work(_ worker: inout Worker) async throws {
        if worker.session == nil, let token = worker.machine.token { try await open(&worker, token) }
        guard var session = worker.session else { return }
        let proof = LeaseProof(key: lease, owner: worker.owner, token: session.token)
        guard let entry = session.read.first else {
            let request = ReadRequest(lease: proof, stateKey: state, stream: input, limit: 3)
            switch try await store.read(request) {
            case .fenced: return fence(&worker)
            case .entries(let entries, let position, _):
                session.read = entries
                session.position = position
                worker.session = session
            }
            return
        }
        session.read.removeFirst()
        guard let number = entry.text("n").flatMap({ Int64($0) }) else { return }
        session.count += 1
        session.sum += number
        session.operations += 1
        let transaction = Transaction(
            lease: proof, operation: .init(key: lease, id: "\(session.token)-\(now)"),
            advances: [.init(stateKey: state, stream: input, group: "adder", from: session.position, to: entry.id)],
            changes: [
                .set(key: state, fields: [Field("count", "\(session.count)"), Field("sum", "\(session.sum)")]),
                .append(
                    stream: output,
                    fields: [
                        Field("n", "\(number)"), Field("count", "\(session.count)"), Field("sum", "\(session.sum)"),
                        Field("token", "\(session.token)"), Field("owner", worker.owner),
                    ]),
            ])
        switch try await store.commit(transaction) {
        case .committed, .repeated:
            session.position = entry.id
            worker.session = session
        case .fenced: fence(&worker)
        case .conflict: throw BusError(.unavailable, "out of date")
        }
    }

    private func fence(_ worker: inout Worker) {
        worker.machine.fenced()
        worker.session = nil
    }

    /// Two who may both act at the same instant are one too many.
    private mutating func judgeBelievers() {
        let believers = workers.filter { worker in
            guard worker.pausedUntil <= now, worker.machine.token != nil else { return false }
            var machine = worker.machine
            return machine.next(now: now + worker.wallAhead) != .stop
        }
        if believers.count > 1 { violations.append("two workers believe that they hold the lease") }
    }
}
