import Foundation
import Testing

/// The real binaries, with `kill -9` in the middle of an incident.
@Suite(.serialized, .timeLimit(.minutes(10))) struct KillTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

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

    @Test func anIncidentEndsRepairedOnceWhateverIsKilled() throws {
        let data = NSTemporaryDirectory() + "demo-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: data) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.root + "/.build/debug/sre-agent")
        process.arguments = ["demo", "--yes", "--data", data, "--config", Self.root + "/config/demo"]
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        var story = ""
        var killed: Set<String> = []
        while true {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { break }
            story += String(decoding: more, as: UTF8.self)
            for (line, name) in Self.kills where story.contains("\n\(line)") && !killed.contains(name) {
                let record = try JSONDecoder().decode(
                    Record.self, from: Data(contentsOf: URL(fileURLWithPath: "\(data)/agent.json")))
                kill(try #require(record.processes[name]).pid, SIGKILL)
                killed.insert(name)
            }
        }
        process.waitUntilExit()
        let log = (try? String(contentsOfFile: "\(data)/agent.log", encoding: .utf8)) ?? ""
        #expect(process.terminationStatus == 0, "\(story)\n\(log.suffix(6_000))")
        #expect(killed == Set(Self.kills.map(\.1)), "\(story)")
        let shop = try JSONDecoder().decode(
            ShopState.self, from: Data(contentsOf: URL(fileURLWithPath: "\(data)/shop.json")))
        #expect(shop.restarts == 1, "\(story)")
        #expect(story.contains("audit chain ok"))
    }

    @Test(arguments: ["sre-metrics-collector", "sre-analyzer", "sre-planner", "sre-executor", "sre-gateway"])
    func badConfigurationEndsWithACodeOfItsOwnAndTheLine(name: String) throws {
        let file = NSTemporaryDirectory() + "bad-\(UUID().uuidString.prefix(8)).yaml"
        try "cluster: x\nbaseline:\n  learning_days: soon\n".write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let (bad, message) = try run(name, ["--config", file, "--check-config"])
        #expect(bad == 78)
        #expect(message.contains("\(file):3: baseline.learning_days: 'soon' is not valid; valid: 1.0 to 90.0"))
        let (good, text) = try run(name, ["--config", Self.root + "/config/config.yaml", "--check-config"])
        #expect(good == 0, "\(text)")
        let (version, number) = try run(name, ["--version"])
        #expect(version == 0 && number.split(separator: ".").count == 3)
    }

    private func run(_ name: String, _ arguments: [String]) throws -> (Int32, String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.root + "/.build/debug/\(name)")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }
}
