import Bus
import Foundation
import RedisBus
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(4))) struct RedisBusTests {
    /// The same operations on the model and on Redis, with the same answers.
    @Test func modelAndRedisAgree() async throws {
        let server = try RedisServer()
        try await server.use { _, redis in
            for seed in 0..<60 {
                var generator = SeededGenerator(seed: UInt64(seed))
                let model = ModelStore()
                let prefix = "{p00}:\(seed):"
                for step in 0..<60 {
                    let operation = StoreOperation.random(prefix: prefix, &generator)
                    let expected = try await operation.answer(of: model)
                    let actual = try await operation.answer(of: redis)
                    #expect(actual == expected, "seed \(seed) step \(step): \(operation)")
                    if actual != expected { return }
                }
                for key in StoreOperation.keys(prefix) {
                    #expect(try await redis.fields(key) == model.fields(key), "seed \(seed) \(key)")
                    let stored = try await redis.newestEntries(key + ":s", limit: 1_000).map(\.fields)
                    #expect(stored == (try await model.newestEntries(key + ":s", limit: 1_000).map(\.fields)))
                    #expect(
                        try await redis.ranked(key + ":z", minimum: .min / 4, limit: 100)
                            == model.ranked(key + ":z", minimum: .min / 4, limit: 100))
                }
            }
        }
    }

    @Test func unsafeServersAreRefusedWithWhatToSet() async throws {
        let volatile = try RedisServer(["--appendonly", "no"])
        try await volatile.use { _, bus in
            await #expect { try await bus.checkSafety() } throws: { "\($0)".contains("appendonly yes") }
            try await bus.checkSafety(allowVolatile: true)
        }
        let evicting = try RedisServer(["--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"])
        try await evicting.use { _, bus in
            await #expect { try await bus.checkSafety() } throws: { "\($0)".contains("noeviction") }
        }
    }

    @Test func theLibraryIsLoadedAgainWhenItIsGone() async throws {
        let server = try RedisServer()
        try await server.use { client, bus in
            try await bus.ensureLibrary()
            _ = try await client.send(RedisCommand("FUNCTION", "FLUSH"))
            guard case .taken = try await bus.takeLease("l", owner: "me", expected: nil) else { Issue.record(); return }
            try await bus.probe()
        }
    }

    @Test func operatorsSeeReadersWithXINFO() async throws {
        let server = try RedisServer()
        try await server.use { client, bus in
            let id = try await client.send(RedisCommand("XADD", "{p00}:s", "*", "a", "b")).string.flatMap(EntryID.init)
            let position = try #require(id)
            let result = try await bus.transition(
                Transaction(advances: [
                    .init(stateKey: "{p00}:st", stream: "{p00}:s", group: "analyzer", from: .zero, to: position)
                ]))
            #expect(result == .committed([]))
            let groups = try await client.send(RedisCommand("XINFO", "GROUPS", "{p00}:s"))
            let facts = groups.array?.first?.array?.compactMap(\.string) ?? []
            #expect(facts.contains("analyzer") && facts.contains("\(position)"))
        }
    }

    @Test func trimsBehindAPositionAndNothingElse() async throws {
        let server = try RedisServer()
        try await server.use { client, bus in
            for number in 1...5 { _ = try await client.send(RedisCommand("XADD", "{p00}:s", "\(number)-0", "a", "b")) }
            let before = EntryID(milliseconds: 4, sequence: 0)
            _ = try await bus.transition(Transaction(changes: [.trim(stream: "{p00}:s", before: before)]))
            let left = try await bus.newestEntries("{p00}:s", limit: 10).map { "\($0.id)" }
            #expect(left == ["5-0", "4-0"])
        }
    }

    @Test func wakesOnAnEntry() async throws {
        let server = try RedisServer()
        try await server.use { client, bus in
            async let found = bus.awaitEntries(["s": .zero, "t": .zero], timeout: .seconds(20))
            _ = try await client.send(RedisCommand("XADD", "t", "*", "a", "b"))
            #expect(try await found.keys.sorted() == ["t"])
            #expect(try await bus.awaitEntries(["u": .zero], timeout: .milliseconds(20)).isEmpty)
        }
    }
}

/// One operation with small value ranges, so that conflicts, repetitions and fences happen often.
private enum StoreOperation {
    case append(AppendRequest)
    case transaction(Transaction)
    case approve(ApproveRequest)
    case take(String, String, LeaseRecord?)
    case beat(LeaseProof)
    case release(LeaseProof)
    case read(ReadRequest)

    static func keys(_ prefix: String) -> [String] { (0..<3).map { "\(prefix)k\($0)" } }

    static func random(prefix: String, _ generator: inout SeededGenerator) -> StoreOperation {
        func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        func key() -> String { "\(prefix)k\(pick(0...2))" }
        func proof() -> LeaseProof {
            LeaseProof(key: "\(prefix)lease", owner: "o\(pick(0...2))", token: Int64(pick(0...4)))
        }
        func fields() -> [Field] { (0...pick(0...2)).map { Field("f\($0)", "v\(pick(0...2))") } }
        func change() -> Transaction.Change {
            switch pick(0...6) {
            case 0: .set(key: key(), fields: fields())
            case 1: .unset(key: key(), fields: ["f\(pick(0...2))"])
            case 2: .increment(key: key(), field: "count", by: Int64(pick(-3...3)))
            case 3: .append(stream: key() + ":s", fields: fields())
            case 4: .rank(key: key() + ":z", member: "m\(pick(0...3))", score: Int64(pick(-5...5)))
            case 5: .unrank(key: key() + ":z", member: "m\(pick(0...3))")
            default: .set(key: "\(prefix)plan", fields: plan())
            }
        }
        func plan() -> [Field] {
            [
                Field("state", ["AWAITING", "APPROVED", "MANUAL", "REJECTED"][pick(0...3)]),
                Field("expires", "\(pick(5...15))"), Field("quorum", "\(pick(0...2))"), Field("approvals", "0"),
                Field("version", "1"),
            ]
        }
        switch pick(0...9) {
        case 0, 1:
            return .append(
                AppendRequest(
                    stream: key() + ":s", marks: "\(prefix)marks", producer: "p\(pick(0...1))",
                    epoch: Int64(pick(1...2)),
                    previous: pick(0...2) == 0 ? nil : Int64(pick(1...5)), sequence: Int64(pick(1...6)),
                    entries: (0..<pick(0...2)).map { _ in fields() }, limit: pick(2...30)))
        case 2, 3, 4:
            let checks = (0..<pick(0...1)).map { _ in
                Transaction.Check(
                    key: key(), field: "f\(pick(0...2))", text: pick(0...1) == 0 ? nil : "v\(pick(0...2))")
            }
            return .transaction(
                Transaction(
                    lease: pick(0...3) == 0 ? proof() : nil, checks: checks,
                    changes: (0...pick(0...3)).map { _ in change() }))
        case 5, 6:
            let head = "\(prefix)head"
            let sequence = Int64(pick(1...3))
            return .approve(
                ApproveRequest(
                    plan: "\(prefix)plan", queue: "\(prefix)k0:z", hash: "m0", approver: "a\(pick(0...2))",
                    approves: pick(0...2) > 0, statement: Array("s\(pick(0...1))".utf8), now: Int64(pick(0...12)),
                    decisions: "\(prefix)k1:s", decision: fields(),
                    audit: AuditAppend(
                        stream: "\(prefix)k2:s", head: head, previousHash: "h\(sequence - 1)", sequence: sequence,
                        hash: "h\(sequence)", fields: fields())))
        case 7:
            let expected =
                pick(0...2) == 0
                ? nil : LeaseRecord(owner: "o\(pick(0...2))", token: Int64(pick(1...3)), beat: Int64(pick(1...4)))
            return .take("\(prefix)lease", "o\(pick(0...2))", expected)
        case 8: return pick(0...3) == 0 ? .release(proof()) : .beat(proof())
        default:
            return .read(ReadRequest(lease: proof(), stateKey: key(), stream: key() + ":s", limit: pick(1...5)))
        }
    }

    /// The answer without the ids that each store makes for itself.
    func answer(of store: some BusStore) async throws -> String {
        func without(_ result: CommitResult) -> String {
            if case .committed(let ids) = result { return "committed \(ids.count)" }
            return "\(result)"
        }
        switch self {
        case .append(let request):
            let result = try await store.append(request)
            if case .appended(let ids) = result { return "appended \(ids.count)" }
            return "\(result)"
        case .transaction(let transaction): return without(try await store.commit(transaction))
        case .approve(let request): return "\(try await store.approve(request))"
        case .take(let key, let owner, let expected):
            return "\(try await store.takeLease(key, owner: owner, expected: expected))"
        case .beat(let proof): return "\(try await store.beatLease(proof))"
        case .release(let proof):
            try await store.releaseLease(proof)
            return "\(String(describing: try await store.lease(proof.key)))"
        case .read(let request):
            guard case .entries(let entries, let position) = try await store.read(request) else { return "fenced" }
            return "\(entries.map(\.fields)) \(position == .zero)"
        }
    }
}
