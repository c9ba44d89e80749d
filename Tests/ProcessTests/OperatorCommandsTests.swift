import Bus
import Foundation
import Model
import RedisBus
import Signatures
import TestSupport
import Testing
import WireFormat

/// What an operator does with `sre-agent` on a real Redis.
@Suite(.timeLimit(.minutes(2))) struct OperatorCommandsTests {
    private let keys = Keys()
    private let partition = Partition(rawValue: 7)

    private func agent(_ server: RedisServer, _ arguments: String...) async throws -> String {
        try await TestHost.output(
            of:
                Program.root + "/.build/debug/sre-agent",
            arguments + ["--config", Program.root + "/config/config.yaml"], environment: ["REDIS_URL": server.url])
    }

    /// Output of a command that must fail.
    private func refused(_ server: RedisServer, _ arguments: String...) async -> String {
        do {
            return "did not fail: "
                + (try await TestHost.output(
                    of:
                        Program.root + "/.build/debug/sre-agent",
                    arguments + ["--config", Program.root + "/config/config.yaml"],
                    environment: ["REDIS_URL": server.url]))
        } catch {
            return "\(error)"
        }
    }

    private func write(_ topic: Topic, _ fields: [Field], _ store: RedisBus) async throws {
        _ = try await store.transition(
            Transaction(changes: [.append(stream: keys.stream(topic, partition), fields: fields)]))
    }

    @Test func streamsAreListedTailedExportedAndImported() async throws {
        let server = try RedisServer()
        try await server.use { _, store in
            try await store.ensureLibrary()
            let envelope = try Envelope(
                Fixtures.incident(), id: "INC-1-1", source: "sre-analyzer", time: Fixtures.now,
                trace: TraceContext(seed: "x"), notes: [Field("incident", "INC-1")])
            try await write(.incidents, envelope.fields, store)
            try await write(.anomalies, [Field("id", "ANO-1"), Field("bytes", [0xff, 0x00])], store)
        }
        let list = try await agent(server, "streams", "--output", "json")
        #expect(list.contains("\"backlog\" : 1") && list.contains("sre:{p07}:incidents"))
        #expect(try await agent(server, "streams").contains("planner (1, 1 without owner)"))
        #expect(try await agent(server, "streams", "tail", "incidents").contains("INC-1-1"))
        let followed = try Program(
            "sre-agent",
            ["streams", "tail", "incidents", "--follow", "--config", Program.root + "/config/config.yaml"],
            environment: ["REDIS_URL": server.url])
        #expect(await followed.readUntil("INC-1-1"))
        #expect(await refused(server, "streams", "tail", "nonsense").contains("dead-letters"))
        let file = "\(server.folder)/incident.jsonl"
        _ = try await agent(server, "streams", "export", "INC-1", "--out", file)
        let other = try RedisServer()
        #expect(try await agent(other, "streams", "import", file).contains("2 entries in 2 streams"))
        let copied = try await other.use { _, store in
            try await store.entries(keys.stream(.anomalies, partition), after: .zero, limit: 10)
        }
        let written = try await server.use { _, store in
            try await store.entries(keys.stream(.anomalies, partition), after: .zero, limit: 10)
        }
        #expect(copied == written)
        #expect(await refused(other, "streams", "import", file).contains("holds entries already"))
        #expect(await refused(server, "streams", "export", "INC-none").contains("no stream has an entry"))
        try "not json\n".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(await refused(other, "streams", "import", file).contains("incident.jsonl:1"))
    }

    @Test func deadLettersAreShownReplayedAndDroppedWithAnAuditTrail() async throws {
        let server = try RedisServer()
        #expect(try await agent(server, "dlq", "list").contains("no dead letters"))
        let ids = try await server.use { _, store in
            try await store.ensureLibrary()
            for number in 1...2 {
                try await write(
                    .deadLetters,
                    DeadLetter.notes(
                        reason: "not readable", stream: keys.stream(.incidents, partition),
                        entry: EntryID(milliseconds: UInt64(number), sequence: 0), role: "planner", attempts: 1)
                        + [Field("id", "entry-\(number)")], store)
            }
            return try await store.entries(keys.stream(.deadLetters, partition), after: .zero, limit: 10).map {
                "7/\($0.id)"
            }
        }
        #expect(try await agent(server, "dlq").contains("not readable"))
        #expect(try await agent(server, "dlq", "show", ids[0]).contains("entry-1"))
        #expect(try await agent(server, "dlq", "replay", ids[0]).contains("back in its stream"))
        #expect(await refused(server, "dlq", "replay", ids[0]).contains("there is no dead letter"))
        #expect(await refused(server, "dlq", "drop", ids[1]).contains("--reason"))
        #expect(try await agent(server, "dlq", "drop", ids[1], "--reason", "known").contains("gone"))
        #expect(await refused(server, "dlq", "show", "nonsense").contains("partition/ms-n"))
        let replayed = try await server.use { _, store in
            try await store.entries(keys.stream(.incidents, partition), after: .zero, limit: 10).map { $0.text("id") }
        }
        #expect(replayed == ["entry-1"])
        #expect(try await agent(server, "audit", "verify").contains("ok: 2 entries"))
    }

    @Test func exportedChainsAreVerifiedOfflineAndBreaksAreNamed() async throws {
        let server = try RedisServer()
        let auditor = Ed25519Signer()
        try await server.audit(5, in: partition)
        let checkpoints = try await server.use { _, store in
            var checkpointer = AuditCheckpointer(
                cluster: "local", partitions: 16, store: store, keys: keys, digest: SHA256Digest(), signer: auditor)
            return try await checkpointer.next(now: Fixtures.now).checkpoints
        }
        let (chains, marks) = ("\(server.folder)/audit.jsonl", "\(server.folder)/checkpoints.jsonl")
        try checkpoints.map { "audit-checkpoint " + String(decoding: try $0.canonicalJSON(), as: UTF8.self) + "\n" }
            .joined().write(toFile: marks, atomically: true, encoding: .utf8)
        _ = try await agent(server, "audit", "export", "--out", chains)
        let key = Data(auditor.publicKey).base64EncodedString()
        #expect(
            try await agent(server, "audit", "verify", "--export", chains, "--checkpoints", marks, "--auditor", key)
                .contains("ok: 5 entries in 1 partitions, 1 checkpoints"))
        let lines = try String(contentsOfFile: chains, encoding: .utf8).split(separator: "\n")
        try lines.dropLast().joined(separator: "\n").write(toFile: chains, atomically: true, encoding: .utf8)
        #expect(
            await refused(server, "audit", "verify", "--export", chains, "--checkpoints", marks, "--auditor", key)
                .contains("partition 7: the chain ends at sequence 4"))
        let edited = lines.map { $0.replacing("\\\"subject\\\":\\\"3\\\"", with: "\\\"subject\\\":\\\"9\\\"") }
        try edited.joined(separator: "\n").write(toFile: chains, atomically: true, encoding: .utf8)
        #expect(await refused(server, "audit", "verify", "--export", chains).contains("sequence 4"))
        let stranger = Data(Ed25519Signer().publicKey).base64EncodedString()
        #expect(
            await refused(server, "audit", "verify", "--checkpoints", marks, "--auditor", stranger)
                .contains("not signed by a trusted"))
    }

    @Test func recoveryIsEndedByAPerson() async throws {
        let server = try RedisServer()
        try await server.use { _, store in
            try await store.ensureLibrary()
            _ = try await InstallationRecord.join(store, keys, isLost: "it came back empty", id: "i", now: 1)
        }
        #expect(await refused(server, "recover").contains("nothing was changed"))
        #expect(try await agent(server, "recover", "--yes").contains("ACTIVE again"))
        #expect(try await agent(server, "recover").contains("is ACTIVE"))
    }
}
