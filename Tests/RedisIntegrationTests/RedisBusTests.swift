import Bus
import Foundation
import RedisBus
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(4))) struct RedisBusTests {
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

    @Test func trimsWhatReadersHaveDoneAndShedsWithANote() async throws {
        let server = try RedisServer()
        try await server.use { client, bus in
            for number in 1...5 { _ = try await client.send(RedisCommand("XADD", "{p00}:s", "\(number)-0", "a", "b")) }
            _ = try await bus.transition(
                Transaction(advances: [
                    .init(
                        stateKey: "{p00}:state:r", stream: "{p00}:s", group: "r", from: .zero,
                        to: EntryID(milliseconds: 2, sequence: 0), entries: 2)
                ]))
            var request = TrimRequest(
                stream: "{p00}:s", gaps: "{p00}:gaps", readers: [.init(stateKey: "{p00}:state:r", replays: false)],
                floor: EntryID(milliseconds: 5, sequence: 0))
            #expect(try await bus.trim(request) == TrimResult(removed: 2, bytes: 4, unread: 0))
            #expect(try await bus.newestEntries("{p00}:s", limit: 10).map { "\($0.id)" } == ["5-0", "4-0", "3-0"])
            request.sheds = true
            #expect(try await bus.trim(request) == TrimResult(removed: 2, bytes: 4, unread: 2))
            let note = try #require(try await bus.newestEntries("{p00}:gaps", limit: 1).first)
            #expect(note.text("from") == "3-0" && note.text("to") == "4-0" && note.text("entries") == "2")
            #expect(try await bus.newestEntries("{p00}:s", limit: 10).map { "\($0.id)" } == ["5-0"])
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
