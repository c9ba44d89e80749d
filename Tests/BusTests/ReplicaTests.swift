import Bus
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct ReplicaRosterTests {
    private func roster(_ name: String, total: Int = 16) -> ReplicaRoster {
        ReplicaRoster(name: name, total: total, lease: .seconds(6))
    }

    @Test func aloneItTakesEverythingAndTheDeadDoNotCount() {
        var roster = roster("b")
        #expect(roster.quota(now: .zero) == 16)
        roster.observe(["a": 5, "b": 1], now: .zero)
        #expect(roster.living(now: .zero) == ["a", "b"] && roster.quota(now: .zero) == 8)
        roster.observe(["a": 5, "b": 7], now: .seconds(5))
        #expect(roster.quota(now: .seconds(5)) == 8)
        #expect(roster.quota(now: .seconds(6)) == 16)
        roster.observe(["a": 6, "b": 8], now: .seconds(7))
        #expect(roster.quota(now: .seconds(7)) == 8)
        #expect(roster.gone(now: .seconds(66)).isEmpty && roster.gone(now: .seconds(67)) == ["a"])
    }

    /// For any number of replicas and things, the quotas of all add up and differ by one at the most.
    @Test func quotasAreFairAndComplete() {
        for count in 1...20 {
            let beats = Dictionary(uniqueKeysWithValues: (0..<count).map { ("r\($0)", Int64($0)) })
            for total in [1, 4, 16, 17, 64] {
                let quotas = beats.keys.map { name in
                    var roster = ReplicaRoster(name: name, total: total, lease: .seconds(6))
                    roster.observe(beats, now: .zero)
                    return roster.quota(now: .zero)
                }
                #expect(quotas.reduce(0, +) == total)
                #expect((quotas.max() ?? 0) - (quotas.min() ?? 0) <= 1)
            }
        }
    }
}

/// Real workers on the model of the store.
@Suite(.timeLimit(.minutes(2))) struct SharingTests {
    /// Nobody dies here, however busy the machine is: replicas come and go by themselves.
    private static let timing = LeaseTiming(
        lease: .seconds(60), renewDeadline: .seconds(40), retry: .milliseconds(40))

    private struct Idle: PartitionSession {
        mutating func restore(_ snapshot: [UInt8]?) async throws {}
        mutating func replay(_ entry: StreamEntry, topic: Topic) async throws {}
        mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction { Transaction() }
        mutating func elapse() async throws -> Transaction { Transaction() }
        func snapshot() throws -> [UInt8]? { nil }
    }

    private func start(_ name: String, _ store: ModelStore) -> Task<Void, Never> {
        let counter = Mutex(0)
        let worker = PartitionWorker(
            .init(role: "r", inputs: [.commands], partitions: 8, timing: Self.timing), store: store, keys: Keys(),
            newOwner: { "\(name)-\(counter.withLock { $0 += 1; return $0 })" }, observe: { _ in }
        ) { _, _ in Idle() }
        return Task { await worker.run() }
    }

    /// Partitions by the replica that holds them, once every one of the names holds as many as wanted.
    private func owners(_ store: ModelStore, _ wanted: [String: Int]) async throws -> [Int: String] {
        while true {
            var owners: [Int: String] = [:]
            for partition in Partition.all(count: 8) {
                guard let owner = try await store.lease(Keys().lease("r", partition))?.owner, !owner.isEmpty else {
                    continue
                }
                owners[partition.rawValue] = String(owner.prefix { $0 != "-" })
            }
            let counts = owners.values.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            if counts == wanted { return owners }
            _ = try await store.awaitEntries(["none": .zero], timeout: .milliseconds(5))
        }
    }

    @Test func partitionsAreSharedAndMoveAsLittleAsPossible() async throws {
        let store = ModelStore()
        let first = start("a", store)
        let alone = try await owners(store, ["a": 8])
        let second = start("b", store)
        let shared = try await owners(store, ["a": 4, "b": 4])
        #expect(alone.count == 8 && shared.values.count { $0 == "a" } == 4)
        let third = start("c", store)
        let thirds = try await owners(store, ["a": 3, "b": 3, "c": 2])
        // Only what the third one got has moved.
        #expect(thirds.filter { shared[$0.key] != $0.value }.allSatisfy { $0.value == "c" })
        second.cancel()
        await second.value
        let rest = try await owners(store, ["a": 4, "c": 4])
        #expect(rest.filter { thirds[$0.key] != $0.value }.allSatisfy { thirds[$0.key] == "b" })
        for task in [first, third] { task.cancel() }
        for task in [first, third] { await task.value }
    }
}

/// Entries that nobody gets past.
@Suite(.timeLimit(.minutes(2))) struct PoisonTests {
    private static let timing = LeaseTiming(
        lease: .milliseconds(90), renewDeadline: .milliseconds(60), retry: .milliseconds(5))

    private struct Failing: PartitionSession {
        struct Cause: Error {}

        let keys: Keys
        let partition: Partition
        let parks: Bool

        mutating func restore(_ snapshot: [UInt8]?) async throws {}
        mutating func replay(_ entry: StreamEntry, topic: Topic) async throws {}
        mutating func elapse() async throws -> Transaction { Transaction() }
        func snapshot() throws -> [UInt8]? { nil }

        mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction {
            if entry.text("n") == "3" { throw Cause() }
            return Transaction(changes: [
                .append(stream: keys.stream(.anomalies, partition), fields: [Field("n", entry.text("n") ?? "")])
            ])
        }

        mutating func giveUp(_ entry: StreamEntry, topic: Topic, reason: String) async throws -> Transaction? {
            guard parks else { return nil }
            return Transaction(changes: [.set(key: "parked", fields: [Field("reason", reason)])])
        }
    }

    private func run(parks: Bool) async throws -> (store: ModelStore, attempts: Int) {
        let store = ModelStore()
        let keys = Keys()
        let partition = Partition(rawValue: 0)
        for number in 1...5 {
            let change = Transaction.Change.append(
                stream: keys.stream(.observations, partition), fields: [Field("n", "\(number)")])
            _ = try await store.transition(Transaction(changes: [change]))
        }
        let sessions = Mutex(0)
        let owners = Mutex(0)
        let worker = PartitionWorker(
            .init(role: "r", inputs: [.observations], partitions: 1, timing: Self.timing, batch: 10, commit: 10),
            store: store, keys: keys, newOwner: { "o\(owners.withLock { $0 += 1; return $0 })" }, observe: { _ in }
        ) { partition, _ in
            sessions.withLock { $0 += 1 }
            return Failing(keys: keys, partition: partition, parks: parks)
        }
        let running = Task { await worker.run() }
        let output = keys.stream(.anomalies, partition)
        while try await store.length(output) < 4 {
            _ = try await store.awaitEntries(["none": .zero], timeout: .milliseconds(5))
        }
        running.cancel()
        await running.value
        let numbers = try await store.entries(output, after: .zero, limit: 10).map { $0.text("n") }
        #expect(numbers == ["1", "2", "4", "5"])
        return (store, sessions.withLock { $0 })
    }

    @Test func afterFiveAttemptsItIsADeadLetterAndItsNeighboursAreProcessed() async throws {
        let (store, attempts) = try await run(parks: false)
        let dead = try await store.entries(
            Keys().stream(.deadLetters, Partition(rawValue: 0)), after: .zero, limit: 10)
        let letters = dead.compactMap(DeadLetter.init)
        #expect(letters.count == 1 && letters[0].attempts == 5 && letters[0].reason.contains("Cause"))
        #expect(letters[0].fields == [Field("n", "3")])
        // The first session met it in a batch, the others one by one.
        #expect((6...8).contains(attempts))
    }

    @Test func aRoleMayParkItInstead() async throws {
        let (store, _) = try await run(parks: true)
        #expect(try await store.fields("parked")["reason"] != nil)
        #expect(try await store.length(Keys().stream(.deadLetters, Partition(rawValue: 0))) == 0)
    }

    /// A store that is away is not the entry's fault.
    @Test func outagesDoNotCondemnAnEntry() async throws {
        let store = FaultyStore(seed: 7, perThousand: [(.lostAfter, 150), (.answered("LOADING"), 150)])
        let keys = Keys()
        let partition = Partition(rawValue: 0)
        for number in 10...40 {
            let change = Transaction.Change.append(
                stream: keys.stream(.observations, partition), fields: [Field("n", "\(number)")])
            _ = try await store.inner.transition(Transaction(changes: [change]))
        }
        let owners = Mutex(0)
        let worker = PartitionWorker(
            .init(role: "r", inputs: [.observations], partitions: 1, timing: Self.timing, batch: 10), store: store,
            keys: keys, newOwner: { "o\(owners.withLock { $0 += 1; return $0 })" }, observe: { _ in }
        ) { partition, _ in Failing(keys: keys, partition: partition, parks: false) }
        let running = Task { await worker.run() }
        let output = keys.stream(.anomalies, partition)
        while try await store.inner.length(output) < 31 {
            _ = try await store.inner.awaitEntries(["none": .zero], timeout: .milliseconds(5))
        }
        running.cancel()
        await running.value
        let numbers = try await store.inner.entries(output, after: .zero, limit: 100).map { $0.text("n") }
        #expect(numbers == (10...40).map { "\($0)" })
        #expect(try await store.inner.length(keys.stream(.deadLetters, partition)) == 0)
    }
}
