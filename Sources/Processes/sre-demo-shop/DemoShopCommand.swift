import ArgumentParser
import Runtime

/// A small shop to practise on: an HTTP service with traffic, latency, errors, memory, and faults by command.
@main
struct DemoShopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-demo-shop",
        abstract: "A small shop to practise on, with faults by command.",
        version: ProductVersion.current,
        subcommands: [
            ServeCommand.self, HistoryCommand.self, FaultCommand.self, RestartCommand.self, ProbeCommand.self,
        ])
}
