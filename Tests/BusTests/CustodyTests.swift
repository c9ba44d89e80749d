import Bus
import Model
import TestSupport
import Testing

/// Retention, the feed and the installation's record on the model of the store.
@Suite(.timeLimit(.minutes(2))) struct CustodyTests {
    private let store = ModelStore()
    private let keys = Keys()
    private let partition = Partition(rawValue: 1)

    private func add(_ topic: Topic, _ count: Int, size: Int = 10) async throws {
        for number in 0..<count {
            let fields = [Field("n", "\(number)"), Field("data", String(repeating: "x", count: size))]
            _ = try await store.transition(
                Transaction(changes: [.append(stream: keys.stream(topic, partition), fields: fields)]))
        }
    }

    private func read(_ topic: Topic, _ role: String, to count: Int, snapshot: Bool) async throws {
        let stream = keys.stream(topic, partition)
        let state = keys.state(role, partition)
        let last = try #require(try await store.entries(stream, after: .zero, limit: count).last)
        _ = try await store.transition(
            Transaction(
                advances: [
                    .init(stateKey: state, stream: stream, group: role, from: .zero, to: last.id, entries: count)
                ],
                changes: snapshot ? [.set(key: state, fields: [Field("snapshot:\(stream)", "\(last.id)")])] : []))
    }

    private func retention(_ bytes: Int = 1 << 30, records: UInt64 = 1) -> Retention {
        Retention(
            .init(observations: 1, records: records, audit: 1 << 60, bytes: bytes, partitions: 2), store: store,
            keys: keys)
    }

    @Test func whatAReaderStillNeedsStays() async throws {
        try await add(.observations, 10)
        try await add(.incidents, 10)
        #expect(try await retention().sweep(now: 1_000_000).removed.isEmpty)
        try await read(.observations, "analyzer", to: 6, snapshot: true)
        try await read(.incidents, "planner", to: 6, snapshot: false)
        try await read(.incidents, "feed", to: 3, snapshot: false)
        let report = try await retention().sweep(now: 1_000_000)
        #expect(report.removed == [.observations: 6, .incidents: 3] && report.shed == 0)
        #expect(try await store.length(keys.stream(.observations, partition)) == 4)
        #expect(try await store.length(keys.stream(.incidents, partition)) == 7)
    }

    @Test func tooManyObservationsAreShedOldestFirstWithANoteAndNothingElseIs() async throws {
        try await add(.observations, 100, size: 100)
        try await add(.plans, 100, size: 100)
        let report = try await retention(4_000, records: 1 << 60).sweep(now: 1_000)
        #expect(report.shed > 60 && report.removed.isEmpty)
        let left = try await store.entries(keys.stream(.observations, partition), after: .zero, limit: 1_000)
        #expect(left.count == 100 - report.shed && left.last?.text("n") == "99")
        let note = try #require(try await store.newestEntries(keys.stream(.gaps, partition), limit: 1).first)
        #expect(note.text("entries") == "\(report.shed)")
        #expect(try await store.length(keys.stream(.plans, partition)) == 100)
        #expect(report.overfull == [.plans])
        // Nobody waits for what is gone.
        let counters = try await store.fields(keys.counters(partition))
        let done = counters["done:analyzer:\(keys.stream(.observations, partition))"]
        #expect(done.map { String(decoding: $0, as: UTF8.self) } == "\(report.shed)")
    }

    @Test func whatIsDoneGoesEarlyFromAStreamThatIsTooLarge() async throws {
        for topic in [Topic.plans, .audit, .deadLetters] { try await add(topic, 100, size: 100) }
        try await read(.plans, "feed", to: 90, snapshot: false)
        let report = try await retention(4_000, records: 1 << 60).sweep(now: 1_000)
        #expect(report.shed == 0 && report.overfull.isEmpty)
        let left = try await store.entries(keys.stream(.plans, partition), after: .zero, limit: 1_000)
        #expect((10..<40).contains(left.count) && left.last?.text("n") == "99")
        #expect(report.removed == [.plans: 100 - left.count])
        #expect(try await store.length(keys.stream(.audit, partition)) == 100)
        #expect(try await store.length(keys.stream(.deadLetters, partition)) == 100)
    }

    @Test func finishedRecordsAreForgottenAndOpenOnesKept() async throws {
        func plan(_ name: String, _ state: String, _ time: Int64) async throws {
            _ = try await store.transition(
                Transaction(changes: [
                    .set(key: keys.plan(name, partition), fields: [Field("state", state)]),
                    .rank(key: keys.planIndex(partition), member: name, score: time),
                ]))
        }
        try await plan("done", "SUCCEEDED", 100)
        try await plan("waiting", "AWAITING", 100)
        try await plan("person", "NEEDS_HUMAN", 100)
        try await plan("young", "FAILED", 999_999)
        #expect(try await retention(records: 1_000).sweep(now: 1_000_000).records == 1)
        let left = try await store.ranked(keys.planIndex(partition), minimum: 0, limit: 10).map(\.member)
        #expect(Set(left) == ["waiting", "person", "young"])
        #expect(try await store.fields(keys.plan("done", partition)).isEmpty)
    }

    /// Relays that are cut off anywhere hand each entry on once and in order.
    @Test(arguments: 1...5) func theFeedGetsEverythingOnce(seed: UInt64) async throws {
        let faulty = FaultyStore(
            seed: seed, perThousand: [(.lostAfter, 60), (.lostBefore, 60), (.repeated, 60)], inner: store)
        for number in 0..<30 {
            for topic in [Topic.incidents, .plans] {
                let stream = keys.stream(topic, Partition(rawValue: number % 2))
                _ = try await store.transition(
                    Transaction(changes: [.append(stream: stream, fields: [Field("n", "\(number)")])]))
            }
        }
        let relay = FeedRelay(store: faulty, keys: keys, partitions: 2)
        let running = Task { while !Task.isCancelled { try? await relay.run() } }
        while try await store.length(keys.feed) < 60 {
            _ = try await store.awaitEntries(["none": .zero], timeout: .milliseconds(2))
        }
        running.cancel()
        await running.value
        let feed = try await store.entries(keys.feed, after: .zero, limit: 100)
        #expect(feed.count == 60)
        for topic in [Topic.incidents, .plans] {
            for partition in 0...1 {
                let handed = feed.filter {
                    $0.text("topic") == topic.rawValue && $0.text("partition") == "\(partition)"
                }
                let numbers = handed.compactMap { $0.text("n").flatMap { Int($0) } }
                #expect(numbers == stride(from: partition, to: 30, by: 2).map { $0 })
            }
        }
    }

    @Test func anEmptyDatabaseUnderALivingProcessIsRecovering() async throws {
        let new = try await InstallationRecord.join(store, keys, isLost: nil, id: "one", now: 5)
        #expect(new.state == .active && new.id == "one")
        #expect(try await InstallationRecord.join(store, keys, isLost: "lost", id: "two", now: 9) == new)
        let fresh = ModelStore()
        let lost = try await InstallationRecord.join(fresh, keys, isLost: "it came back empty", id: "two", now: 9)
        #expect(lost.state == .recovering && lost.reason == "it came back empty")
        #expect(try await InstallationRecord.join(fresh, keys, isLost: nil, id: "three", now: 11) == lost)
        #expect(try await lost.end(in: fresh, keys, now: 12))
        let ended = try await InstallationRecord.join(fresh, keys, isLost: nil, id: "x", now: 13)
        #expect(ended.state == .active && ended.id == "two")
        // Somebody who looked at an older record ends nothing.
        #expect(try await lost.end(in: fresh, keys, now: 14) == false)
    }
}
