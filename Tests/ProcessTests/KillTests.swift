import Foundation
import Testing

/// The real binaries, with `kill -9` in the middle of an incident.
@Suite(.serialized, .timeLimit(.minutes(10))) struct KillTests {
    private struct Record: Decodable {
        struct Running: Decodable {
            var pid: Int32
            var starts: Int
        }

        var processes: [String: Running]
    }

    private struct ShopState: Decodable {
        var restarts: Int
    }

    /// What is killed when a line of the story begins like this.
    private static let kills = [
        ("2. Injecting", "sre-metrics-collector"), ("3. Anomaly", "sre-analyzer"), ("5. Plan", "sre-planner"),
        ("6. Approval", "sre-gateway"), ("   RUNNING    step 1 INTENT", "sre-executor"),
    ]

    @Test func anIncidentEndsRepairedOnceWhateverIsKilled() async throws {
        let data = NSTemporaryDirectory() + "demo-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: data) }
        let demo = try Program(
            "sre-agent", ["demo", "--yes", "--data", data, "--config", Program.root + "/config/demo"])
        var killed: Set<String> = []
        while await demo.readMore() {
            for (line, name) in Self.kills where demo.output.contains("\n\(line)") && !killed.contains(name) {
                let record = try JSONDecoder().decode(
                    Record.self, from: Data(contentsOf: URL(fileURLWithPath: "\(data)/agent.json")))
                kill(try #require(record.processes[name]).pid, SIGKILL)
                killed.insert(name)
            }
        }
        let story = demo.output
        let status = await demo.waitUntilExit()
        let log = (try? String(contentsOfFile: "\(data)/agent.log", encoding: .utf8)) ?? ""
        #expect(status == 0, "\(story)\n\(log.suffix(6_000))")
        #expect(killed == Set(Self.kills.map(\.1)), "\(story)")
        let shop = try JSONDecoder().decode(
            ShopState.self, from: Data(contentsOf: URL(fileURLWithPath: "\(data)/shop.json")))
        #expect(shop.restarts == 1, "\(story)")
        #expect(story.contains("audit chain ok"))
    }
}
