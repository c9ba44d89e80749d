import Foundation
import Testing

/// Ctrl-C in the demo, and the demo again in the same folder.
@Suite(.serialized, .timeLimit(.minutes(3))) struct DemoTests {
    @Test func aStoppedDemoLeavesNothingRunningAndCanBeStartedAgain() async throws {
        let data = NSTemporaryDirectory() + "demo-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: data) }
        for (signal, line) in [(SIGINT, "live metrics flow"), (SIGTERM, "baselines from seven days")] {
            let demo = try Program(
                "sre-agent", ["demo", "--yes", "--data", data, "--config", Program.root + "/config/demo"])
            #expect(await demo.readUntil(line), "\(demo.output)")
            #expect(Program.running(with: data).count > 6)
            let begun = ContinuousClock.now
            demo.signal(signal)
            #expect(await demo.waitUntilExit() == 1)
            #expect(begun.duration(to: .now) < .seconds(15))
            #expect(demo.output.contains("Stopped."))
            #expect(Program.running(with: data) == [])
            let log = try String(contentsOfFile: "\(data)/agent.log", encoding: .utf8)
            for name in ["sre-metrics-collector", "sre-analyzer", "sre-planner", "sre-executor", "sre-gateway"] {
                #expect(log.contains("\(name): stopped"), "\(name) did not end in order")
            }
        }
    }
}
