import ArgumentParser
import Runtime

/// Shows plans to the on-call person and takes signed decisions.
@main
struct ApproverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-approver",
        abstract: "Shows plans and takes signed decisions.",
        discussion: "Completions: sre-approver --generate-completion-script bash|zsh|fish",
        version: ProductVersion.current,
        subcommands: [
            KeygenCommand.self, ListCommand.self, ShowCommand.self, ApproveCommand.self, RejectCommand.self,
            RevokeCommand.self, AbortCommand.self, FreezeCommand.self, UnfreezeCommand.self, ReviewCommand.self,
            WatchCommand.self, HistoryCommand.self, VerifyCommand.self, StreamsCommand.self,
        ])
}
