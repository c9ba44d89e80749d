import ArgumentParser
import Foundation
import ServiceLifecycle
import Subprocess
import SystemPackage
import UnixSignals

/// Walks one incident to its end on this machine.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Walk one incident to its end: a private Redis and Prometheus, a shop, a memory leak, a repair.",
        discussion: "Needs redis-server, prometheus and promtool. Takes under five minutes and leaves nothing running.")

    @Option(help: "Folder of the demo's data; what an earlier demo left there is removed.")
    var data = ".run/demo"

    @Option(help: "Folder with the demo's metrics map and runbooks.")
    var config = "config/demo"

    @Flag(help: "Sign the approval without asking.")
    var yes = false

    @Option(help: "Memory leak in MiB a minute.")
    var leak = 40.0

    func run() async throws {
        let asks = !yes && isatty(STDIN_FILENO) == 1
        if !yes && !asks { print("(no terminal: the approval is signed without asking)") }
        let stage = try DemoStage(folder: Installation(folder: data).folder, config: config)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let leak = leak
        let isComplete = try await withThrowingTaskGroup(of: Bool?.self) { group in
            group.addTask {
                await stage.run()
                return nil
            }
            group.addTask {
                for await _ in signals { return false }
                return false
            }
            group.addTask { try await DemoStory(stage: stage, leak: leak, asks: asks).tell() }
            defer { group.cancelAll() }
            while let result = try await group.next() { if let result { return result } }
            return false
        }
        print(isComplete ? "\nEverything that was started has been stopped." : "\nStopped.")
        if !isComplete { throw ExitCode(1) }
    }
}
