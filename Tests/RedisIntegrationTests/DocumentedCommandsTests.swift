import Bus
import Foundation
import RedisBus
import RedisClient
import TestSupport
import Testing
import WireFormat

/// The redis-cli sessions of the README show what redis-cli shows.
@Suite(.timeLimit(.minutes(1))) struct DocumentedCommandsTests {
    private static let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../README.md").standardizedFileURL

    /// Commands with the output that is documented for them.
    private static func sessions() throws -> [(command: String, output: String)] {
        let text = try String(contentsOf: readme, encoding: .utf8)
        var sessions: [(command: String, output: String)] = []
        for block in text.components(separatedBy: "```console\n").dropFirst() {
            let body = block.components(separatedBy: "```").first ?? ""
            for line in body.split(separator: "\n") {
                if line.hasPrefix("$ redis-cli ") {
                    sessions.append((String(line.dropFirst("$ redis-cli ".count)), ""))
                } else if !sessions.isEmpty {
                    sessions[sessions.count - 1].output += line + "\n"
                }
            }
        }
        return sessions
    }

    @Test func theyShowWhatIsThere() async throws {
        let sessions = try Self.sessions()
        #expect(sessions.count >= 4)
        let server = try RedisServer()
        try await server.use { _, store in
            let keys = Keys()
            let partition = Partition(rawValue: 7)
            let stream = keys.stream(.incidents, partition)
            let envelope = try Envelope(
                Fixtures.incident(), id: "INC-1-1", source: "sre-analyzer", time: Fixtures.now,
                trace: TraceContext(seed: "readme"))
            guard
                case .committed(let ids) = try await store.transition(
                    Transaction(changes: [.append(stream: stream, fields: envelope.fields)])),
                case .taken(let record) = try await store.takeLease(
                    keys.lease("planner", partition), owner: "sre-planner-1", expected: nil)
            else { Issue.record("nothing was written"); return }
            let lease = LeaseProof(key: keys.lease("planner", partition), owner: record.owner, token: record.token)
            let state = keys.state("planner", partition)
            let advance = Transaction.Advance(
                stateKey: state, stream: stream, group: "planner", from: .zero, to: ids[0])
            #expect(try await store.commit(Transaction(lease: lease, advances: [advance])) == .committed([]))
        }
        for session in sessions {
            let output = try await TestHost.output(
                of:
                    "/bin/sh", ["-c", "redis-cli -s \(server.folder)/redis.sock --no-raw \(session.command)"])
            #expect(Self.fits(output, session.output), "\(session.command) shows:\n\(output)")
        }
    }

    /// Whether a text is the documented one, in which `…` stands for any part of a line.
    private static func fits(_ text: String, _ pattern: String) -> Bool {
        let lines = text.split(separator: "\n")
        let patterns = pattern.split(separator: "\n")
        guard lines.count == patterns.count else { return false }
        return zip(lines, patterns).allSatisfy { line, pattern in
            let parts = pattern.components(separatedBy: "…")
            guard parts.count > 1 else { return line == pattern }
            return line.hasPrefix(parts[0]) && line.hasSuffix(parts[parts.count - 1])
                && line.count >= parts[0].count + parts[parts.count - 1].count
        }
    }
}
