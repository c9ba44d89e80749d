import ArgumentParser
import Foundation

/// Measures the bus.
@main
struct BenchmarksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-bench-bus", abstract: "Measures the bus beside redis-benchmark and its limits.",
        subcommands: [RedisCommandLine.self, DecodeCommand.self, TakeoverCommand.self, IdleCommand.self])
}

/// Options of every benchmark.
struct BenchOptions: ParsableArguments {
    @Option(help: "Runs of each measurement; the median counts.")
    var runs = 5

    @Option(help: "Folder for NAME.json.")
    var out = ".build/bench"

    func validate() throws {
        guard runs >= 1 else { throw ValidationError("--runs must be at least 1") }
    }
}
