import Bus
import Model
import Synchronization
import TestSupport
import Testing
import WireFormat

@Suite struct PartitionTests {
    @Test func namespacesSpreadAndStay() {
        let partitions = (0..<1_000).map { Partition(cluster: "c", namespace: "ns-\($0)") }
        #expect(Set(partitions).count == 16)
        #expect(Partition(cluster: "c", namespace: "shop") == Partition(cluster: "c", namespace: "shop"))
        #expect(Partition(rawValue: 7).tag == "{p07}")
        #expect(Keys().stream(.observations, Partition(rawValue: 7)) == "sre:{p07}:observations")
    }
}

@Suite struct EntryIDTests {
    @Test(arguments: ["0-0", "1-2", "1732550400123-7", "18446744073709551615-18446744073709551615"])
    func comesBackFromItsText(text: String) { #expect(EntryID(text)?.description == text) }

    @Test(arguments: [
        "", "-", "1", "1-", "-1", "1-2-3", "+1-0", "1- 2", "1-x", "18446744073709551616-0", "0-99999999999999999999",
        "1-\u{0661}",
    ])
    func isNothingElse(text: String) { #expect(EntryID(text) == nil) }
}

@Suite struct EnvelopeTests {
    @Test func comesBackAndCarriesTheTrace() throws {
        let trace = TraceContext(seed: "x")
        let envelope = try Envelope(
            Fixtures.anomaly(), id: "1", source: "s", time: Fixtures.now, trace: trace, notes: [Field("series", "1")])
        let read = try Envelope(StreamEntry(id: .zero, fields: envelope.fields))
        #expect(read == envelope)
        #expect(TraceContext("\(trace)") == trace)
        #expect(trace.child("y").traceID == trace.traceID)
        #expect(trace.child("y").parentID != trace.parentID)
        #expect(try read.decode() == Fixtures.anomaly())
        #expect(throws: WireError.self) { let _: Incident = try read.decode() }
    }

    @Test(arguments: [
        "", "00-0-0-00", "00-\(String(repeating: "0", count: 32))-\(String(repeating: "1", count: 16))-01", "01-a-b-c",
    ])
    func refusesBadTraceparents(text: String) { #expect(TraceContext(text) == nil) }
}

@Suite struct ModelStoreTests {
    private func request(_ sequence: Int64, previous: Int64?, epoch: Int64 = 1, limit: Int = 100) -> AppendRequest {
        AppendRequest(
            stream: "s", marks: "m", producer: "p", epoch: epoch, previous: previous, sequence: sequence,
            entries: [[Field("n", "\(sequence)")]], readers: ["r"], limits: .init(soft: 1, hard: limit))
    }

    @Test func eachSequenceIsAppendedOnceInOrder() async throws {
        let store = ModelStore()
        guard case .appended = try await store.append(request(10, previous: nil)) else { Issue.record(); return }
        #expect(try await store.append(request(10, previous: nil)) == .duplicate)
        #expect(try await store.append(request(30, previous: 20)) == .gap(mark: 10))
        guard case .appended = try await store.append(request(20, previous: 10, epoch: 2)) else {
            Issue.record(); return
        }
        #expect(try await store.append(request(30, previous: 20, epoch: 1)) == .fenced)
        #expect(try await store.append(request(30, previous: 20, epoch: 2, limit: 2)) == .full)
        #expect(try await store.newestEntries("s", limit: 10).count == 2)
    }

    @Test func transactionsAreAllOrNothing() async throws {
        let store = ModelStore()
        let change = Transaction.Change.set(key: "k", fields: [Field("a", "1")])
        let failing = Transaction(
            checks: [.init(key: "k", field: "a", text: nil), .init(key: "other", field: "x", text: "y")],
            changes: [change])
        #expect(try await store.transition(failing) == .conflict(key: "other", field: "x"))
        #expect(try await store.fields("k").isEmpty)
        #expect(try await store.transition(Transaction(changes: [change])) == .committed([]))
        let fenced = Transaction(lease: LeaseProof(key: "l", owner: "me", token: 1), changes: [change])
        #expect(try await store.commit(fenced) == .fenced)
    }

    @Test func awaitingWakesOnAppend() async throws {
        let store = ModelStore()
        async let found = store.awaitEntries(["s": .zero], timeout: .seconds(20))
        _ = try await store.append(request(1, previous: nil))
        #expect(try await found.keys.sorted() == ["s"])
        #expect(try await store.awaitEntries(["t": .zero], timeout: .milliseconds(1)).isEmpty)
    }
}

/// Adds up the numbers it reads; keeps its sum in the store, in the commit that moves its position.
private struct Adder: PartitionSession {
    let keys: Keys
    let partition: Partition
    let store: any BusStore
    var sum: Int64 = 0

    mutating func restore(_ snapshot: [UInt8]?) async throws {
        let stored = try await store.fields("sum\(partition.tag)")["sum"]
        sum = stored.flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
    }

    mutating func replay(_ entry: StreamEntry, topic: Topic) async throws {}
    func snapshot() throws -> [UInt8]? { nil }
    mutating func elapse() async throws -> Transaction { Transaction() }

    mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction {
        guard let number = entry.text("n").flatMap({ Int64($0) }) else { throw UnreadableEntry("not a number") }
        sum += number
        return Transaction(changes: [
            .set(key: "sum\(partition.tag)", fields: [Field("sum", "\(sum)")]),
            .append(stream: keys.stream(.anomalies, partition), fields: [Field("sum", "\(sum)")]),
        ])
    }
}

/// Loses answers: after the operation was carried out, or before.
private final class LossyStore: BusStore {
    let inner = ModelStore()
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    private func lossy<Result>(_ body: () async throws(BusError) -> Result) async throws(BusError) -> Result {
        let dice = generator.withLock { Int.random(in: 0..<12, using: &$0) }
        if dice == 0 { throw BusError(.unavailable, "lost before") }
        let result = try await body()
        if dice == 1 { throw BusError(.unavailable, "lost after", outcomeUnknown: true) }
        return result
    }

    func append(_ request: AppendRequest) async throws(BusError) -> AppendResult { try await inner.append(request) }
    func read(_ request: ReadRequest) async throws(BusError) -> ReadResult {
        try await lossy { () async throws(BusError) in try await inner.read(request) }
    }
    func commit(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        try await lossy { () async throws(BusError) in try await inner.commit(transaction) }
    }
    func transition(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        try await inner.transition(transaction)
    }
    func acknowledgeRelay(_ advance: Transaction.Advance) async throws(BusError) -> CommitResult {
        try await inner.acknowledgeRelay(advance)
    }
    func setAside(_ request: DeadLetterRequest) async throws(BusError) -> CommitResult {
        try await lossy { () async throws(BusError) in try await inner.setAside(request) }
    }
    func trim(_ request: TrimRequest) async throws(BusError) -> TrimResult { try await inner.trim(request) }
    func popTimers(_ request: TimerRequest) async throws(BusError) -> [EntryID]? { try await inner.popTimers(request) }
    func lowest(_ key: String, maximum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        try await inner.lowest(key, maximum: maximum, limit: limit)
    }
    func length(_ stream: String) async throws(BusError) -> Int { try await inner.length(stream) }
    func appendAudit(_ link: AuditAppend) async throws(BusError) -> CommitResult { try await inner.appendAudit(link) }
    func approve(_ request: ApproveRequest) async throws(BusError) -> ApproveResult { try await inner.approve(request) }
    func takeLease(_ key: String, owner: String, expected: LeaseRecord?) async throws(BusError) -> LeaseTaken {
        try await lossy { () async throws(BusError) in
            try await inner.takeLease(key, owner: owner, expected: expected)
        }
    }
    func beatLease(_ proof: LeaseProof) async throws(BusError) -> Bool {
        try await lossy { () async throws(BusError) in try await inner.beatLease(proof) }
    }
    func releaseLease(_ proof: LeaseProof) async throws(BusError) { try await inner.releaseLease(proof) }
    func lease(_ key: String) async throws(BusError) -> LeaseRecord? { try await inner.lease(key) }
    func fields(_ key: String) async throws(BusError) -> [String: [UInt8]] { try await inner.fields(key) }
    func entries(_ stream: String, after: EntryID, limit: Int) async throws(BusError) -> [StreamEntry] {
        try await inner.entries(stream, after: after, limit: limit)
    }
    func newestEntries(_ stream: String, limit: Int) async throws(BusError) -> [StreamEntry] {
        try await inner.newestEntries(stream, limit: limit)
    }
    func ranked(_ key: String, minimum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        try await inner.ranked(key, minimum: minimum, limit: limit)
    }
    func awaitEntries(_ positions: [String: EntryID], timeout: Duration) async throws(BusError) -> [String: EntryID] {
        try await inner.awaitEntries(positions, timeout: timeout)
    }
}

@Suite struct PartitionWorkerTests {
    private let timing = LeaseTiming(
        lease: .milliseconds(90), renewDeadline: .milliseconds(60), retry: .milliseconds(15))

    /// Two replicas, lost answers, poison in between: every number counts once and in order.
    @Test(.timeLimit(.minutes(2)), arguments: [1, 2, 3])
    func foldsExactlyOnceWhenAnswersAreLost(seed: UInt64) async throws {
        let store = LossyStore(seed: seed)
        let keys = Keys()
        let partition = Partition(rawValue: 0)
        let numbers = (1...60).map(Int64.init)
        for number in numbers {
            _ = try await store.inner.append(
                AppendRequest(
                    stream: keys.stream(.observations, partition), marks: "marks", producer: "test", epoch: 1,
                    previous: number == 1 ? nil : number - 1, sequence: number,
                    entries: [[Field("n", number == 30 ? "poison" : "\(number)")]]))
        }
        let counter = Mutex(0)
        let worker = PartitionWorker(
            .init(role: "adder", inputs: [.observations], partitions: 1, timing: timing, batch: 7), store: store,
            keys: keys, newOwner: { "owner-\(counter.withLock { $0 += 1; return $0 })" }, observe: { _ in }
        ) { partition, _ in Adder(keys: keys, partition: partition, store: store) }
        let running = [Task { await worker.run() }, Task { await worker.run() }]
        let expected = numbers.reduce(0, +) - 30
        var position = EntryID.zero
        var sums: [Int64] = []
        while sums.last != expected {
            let output = keys.stream(.anomalies, partition)
            _ = try await store.inner.awaitEntries([output: position], timeout: .seconds(5))
            for entry in try await store.inner.entries(output, after: position, limit: 100) {
                position = entry.id
                sums.append(entry.text("sum").flatMap { Int64($0) } ?? -1)
            }
        }
        for task in running { task.cancel() }
        for task in running { await task.value }
        var total: Int64 = 0
        let right = numbers.filter { $0 != 30 }.map { number in
            total += number
            return total
        }
        #expect(sums == right)
        let dead = try await store.inner.newestEntries(keys.stream(.deadLetters, partition), limit: 10)
        #expect(dead.compactMap(DeadLetter.init).map(\.reason) == ["not a number"])
        #expect(dead.first?.text("n") == "poison")
    }
}
