import Bus
import Foundation
import Model
import RedisBus
import RedisClient
import TestSupport
import Testing

/// The shipped users: each may do its work, and nothing of somebody else's.
@Suite(.timeLimit(.minutes(2))) struct ACLTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../deploy/redis").standardizedFileURL.path
    private static let keys = Keys()
    private static let partition = Partition(rawValue: 3)

    private func server() throws -> RedisServer {
        try RedisServer([
            "--appendonly", "yes", "--aclfile", "\(Self.folder)/users.acl", "--enable-debug-command", "yes",
        ])
    }

    private func use<Result>(
        _ server: RedisServer, as user: String, _ body: (RedisClient, RedisBus) async throws -> Result
    ) async throws -> Result {
        var configuration = try RedisConfiguration(url: server.url)
        configuration.username = user
        configuration.password = "CHANGE-ME-\(user)"
        let client = RedisClient(configuration: configuration, logger: RedisServer.quiet)
        let running = Task { await client.run() }
        defer { running.cancel() }
        return try await body(client, RedisBus(client: client, logger: RedisServer.quiet))
    }

    /// Takes a partition's lease, reads, commits and gives it back, as every worker does.
    private func work(_ store: RedisBus, _ role: String, _ input: Topic, _ output: Topic) async throws {
        let (keys, partition) = (Self.keys, Self.partition)
        let key = keys.lease(role, partition)
        guard case .taken(let record) = try await store.takeLease(key, owner: role, expected: nil) else {
            Issue.record("\(role) got no lease")
            return
        }
        let lease = LeaseProof(key: key, owner: role, token: record.token)
        let stream = keys.stream(input, partition)
        let state = keys.state(role, partition)
        guard
            case .entries(let entries, let position, _) = try await store.read(
                ReadRequest(lease: lease, stateKey: state, stream: stream, limit: 10)),
            let first = entries.first
        else {
            Issue.record("\(role) found nothing to read")
            return
        }
        let committed = try await store.commit(
            Transaction(
                lease: lease, operation: .init(key: key, id: "1"),
                advances: [.init(stateKey: state, stream: stream, group: role, from: position, to: first.id)],
                changes: [.append(stream: keys.stream(output, partition), fields: [Field("a", "b")])]))
        guard case .committed = committed else {
            Issue.record("\(role): \(committed)")
            return
        }
        #expect(try await store.beatLease(lease))
        try await store.releaseLease(lease)
        _ = try await InstallationRecord.join(store, keys, isLost: nil, id: "i", now: 1)
    }

    @Test func everyComponentCanDoItsWork() async throws {
        let server = try server()
        let (keys, partition) = (Self.keys, Self.partition)
        try await use(server, as: "sre-operator") { _, store in
            try await store.ensureLibrary()
            for topic in Topic.allCases {
                _ = try await store.transition(
                    Transaction(changes: [.append(stream: keys.stream(topic, partition), fields: [Field("a", "b")])]))
            }
        }
        try await use(server, as: "sre-collector") { _, store in
            try await store.checkSafety()
            try await store.ensureLibrary()
            let result = try await store.append(
                AppendRequest(
                    stream: keys.stream(.observations, partition), marks: keys.marks(partition), producer: "p",
                    epoch: 1, previous: nil, sequence: 1, entries: [[Field("a", "b")]], readers: ["analyzer"]))
            guard case .appended = result else { Issue.record("\(result)"); return }
        }
        try await use(server, as: "sre-analyzer") { _, store in
            try await work(store, "analyzer", .observations, .incidents)
            let report = try await Retention(
                .init(observations: 0, records: 0, audit: 0, bytes: 1 << 20, partitions: 16), store: store, keys: keys
            ).sweep(now: 4_000_000_000_000)
            #expect(report.removed[.audit] == 1)
            let link = try await AuditChain(keys: keys, digest: Fixtures.digest).next(
                in: partition, store: store, time: Fixtures.now, actor: "sre-analyzer", action: AuditEpoch.action,
                subject: "s", detail: [:], trace: TraceContext(seed: "t"))
            guard case .committed = try await store.appendAudit(link) else { Issue.record("no epoch"); return }
        }
        try await use(server, as: "sre-planner") { _, store in
            try await store.ensureLibrary()
            try await refill(server, .incidents)
            try await work(store, "planner", .incidents, .plans)
        }
        try await use(server, as: "sre-executor") { _, store in
            try await refill(server, .decisions)
            try await work(store, "executor", .decisions, .outcomes)
        }
        for user in ["sre-gateway", "sre-approver"] {
            try await use(server, as: user) { _, store in
                let plan = keys.plan(user, partition)
                let fields = [
                    Field("state", "AWAITING"), Field("expires", "9999"), Field("quorum", "1"), Field("version", "1"),
                ]
                _ = try await store.transition(Transaction(changes: [.set(key: plan, fields: fields)]))
                let head = try await store.fields(keys.auditHead(partition))
                let sequence = head["seq"].flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
                let previous = head["hash"].map { String(decoding: $0, as: UTF8.self) } ?? ""
                let link = AuditAppend(
                    stream: keys.stream(.audit, partition), head: keys.auditHead(partition), previousHash: previous,
                    sequence: sequence + 1, hash: "h\(user)", fields: [Field("a", "b")])
                let result = try await store.approve(
                    ApproveRequest(
                        plan: plan, queue: keys.approvalQueue(partition), hash: user, approver: "jane", approves: true,
                        statement: [1], now: 1, decisions: keys.stream(.decisions, partition),
                        decision: [Field("a", "b")], audit: link))
                #expect(result == .recorded(state: "APPROVED"), "\(user)")
            }
        }
    }

    private func refill(_ server: RedisServer, _ topic: Topic) async throws {
        try await use(server, as: "sre-operator") { _, store in
            let stream = Self.keys.stream(topic, Self.partition)
            _ = try await store.transition(Transaction(changes: [.append(stream: stream, fields: [Field("a", "b")])]))
        }
    }

    @Test(arguments: [
        "sre-collector", "sre-analyzer", "sre-planner", "sre-executor", "sre-gateway", "sre-approver", "sre-operator",
    ])
    func nobodyMayDoHarm(user: String) async throws {
        let server = try server()
        let tag = "sre:{p03}"
        var forbidden = [
            ["FLUSHALL"], ["FLUSHDB"], ["CONFIG", "GET", "*"], ["DEBUG", "SLEEP", "0"], ["KEYS", "*"], ["SHUTDOWN"],
            ["SET", "other", "x"], ["GET", "\(tag):plan:x"], ["EVAL", "return 1", "0"], ["ACL", "LIST"],
            ["SCRIPT", "FLUSH"], ["REPLICAOF", "NO", "ONE"], ["MONITOR"], ["HGETALL", "another:app"],
        ]
        if user != "sre-operator" {
            forbidden += [
                ["FUNCTION", "FLUSH"], ["FUNCTION", "LOAD", "REPLACE", "#!lua name=x"], ["XTRIM", "x", "MAXLEN", "0"],
            ]
        }
        let own: [String: [[String]]] = [
            "sre-collector": [
                ["HSET", "\(tag):plan:x", "state", "APPROVED"], ["XADD", "\(tag):decisions", "*", "a", "b"],
                ["FCALL", "sre_v1_approve", "0"], ["FCALL", "sre_v1_commit", "0"],
                ["XRANGE", "\(tag):audit", "-", "+"],
            ],
            "sre-analyzer": [
                ["FCALL", "sre_v1_approve", "0"], ["HSET", "\(tag):queue:reviews", "a", "1"],
                ["HSET", "\(tag):lease:executor", "owner", "me"], ["ZADD", "\(tag):queue:approvals", "1", "x"],
            ],
            "sre-planner": [
                ["FCALL", "sre_v1_approve", "0"], ["HSET", "\(tag):lease:executor", "owner", "me"],
                ["HSET", "\(tag):claim:x", "holder", "me"], ["XADD", "\(tag):observations", "*", "a", "b"],
                ["FCALL", "sre_v1_trim", "0"],
            ],
            "sre-executor": [
                ["FCALL", "sre_v1_approve", "0"], ["FCALL", "sre_v1_append", "0"], ["FCALL", "sre_v1_trim", "0"],
                ["XADD", "\(tag):incidents", "*", "a", "b"], ["HSET", "\(tag):baselines", "a", "b"],
            ],
            "sre-gateway": [
                ["FCALL", "sre_v1_commit", "0"], ["FCALL", "sre_v1_append", "0"],
                ["HSET", "\(tag):lease:executor", "owner", "me"], ["HSET", "\(tag):claim:x", "holder", "me"],
                ["XADD", "\(tag):incidents", "*", "a", "b"],
            ],
            "sre-approver": [
                ["FCALL", "sre_v1_commit", "0"], ["FCALL", "sre_v1_lease_take", "0"],
                ["XADD", "\(tag):commands", "*", "a", "b"], ["HSET", "\(tag):claim:x", "holder", "me"],
            ],
        ]
        try await use(server, as: user) { client, _ in
            for words in forbidden + (own[user] ?? []) {
                let command = RedisCommand(words[0], arguments: words.dropFirst().map { Array($0.utf8) })
                await #expect("\(user) \(words)") {
                    try await client.send(command)
                } throws: { "\($0)".contains("NOPERM") }
            }
        }
    }

    @Test func theDefaultUserIsShutOut() async throws {
        let server = try server()
        let client = try server.client()
        let running = Task { await client.run() }
        defer { running.cancel() }
        await #expect(throws: RedisError.self) {
            try await client.send(RedisCommand("PING"), deadline: .milliseconds(300))
        }
    }
}
