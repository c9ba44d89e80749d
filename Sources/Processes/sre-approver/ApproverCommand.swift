import ArgumentParser
import Foundation
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
            WatchCommand.self, HistoryCommand.self, BackupCommand.self, VerifyCommand.self, StreamsCommand.self,
        ])

    /// Runs the command; a failure ends it with its own exit code, so that scripts can tell a decided plan from a fault.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            FileHandle.standardError.write(Data("Error: \(failure)\n".utf8))
            Foundation.exit(failure.code)
        } catch {
            exit(withError: error)
        }
    }
}
