import ArgumentParser

/// Runs the engines over data sets and measures their speed; scoring is left to the scorers of the data sets.
@main
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-bench", abstract: "Runs the engines over data sets and measures their speed.",
        subcommands: [
            DetectCommand.self, BreachCommand.self, ForecastCommand.self, WatchCommand.self, ThroughputCommand.self,
        ])
}
