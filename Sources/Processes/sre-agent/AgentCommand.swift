import ArgumentParser
import Runtime

/// Runs the whole agent on one machine.
@main
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-agent", abstract: "Runs the whole agent on one machine.", version: ProductVersion.current,
        subcommands: [
            UpCommand.self, DownCommand.self, StatusCommand.self, StreamsCommand.self, DeadLetterCommand.self,
            AuditCommand.self, PolicyCommand.self, ReportCommand.self, RecoverCommand.self, DemoCommand.self,
            BacktestCommand.self, ExplainCommand.self, LearnCommand.self, FeedbackCommand.self, ProposalsCommand.self,
        ])

    static func main() async {
        Terminal.writeByLine()
        await main(nil)
    }
}
