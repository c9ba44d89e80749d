import ArgumentParser
import Authority
import Decision
import Foundation
import Model
import Remediation
import Runtime

/// Takes an approval back.
struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Sign a revocation: the plan is not started any more.",
        discussion: "Counts until the plan is claimed by an executor; afterwards use 'abort'.")

    @OptionGroup var options: DeskOptions
    @OptionGroup var signing: SignerOptions

    @Option(help: "Why.")
    var reason: String

    @Argument(help: "Id of the plan, or its beginning.")
    var plan: String

    func run() async throws { try await DecisionFlow.run(.revoke, plan: plan, comment: reason, options, signing) }
}

/// Stops a plan that is being carried out.
struct AbortCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort", abstract: "Sign an abort: no further step, then the plan's own rollback.")

    @OptionGroup var options: DeskOptions
    @OptionGroup var signing: SignerOptions

    @Option(help: "Why.")
    var reason: String

    @Argument(help: "Id of the plan, or its beginning.")
    var plan: String

    func run() async throws { try await DecisionFlow.run(.abort, plan: plan, comment: reason, options, signing) }
}

/// Stops all changes.
struct FreezeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze", abstract: "Stop all changes at once, until 'unfreeze'.",
        discussion: """
            In a cluster, 'kubectl -n sre-agent create configmap sre-agent-freeze --from-literal=reason=…' does the same \
            without Redis.
            """)

    @OptionGroup var options: DeskOptions

    @Option(help: "Why.")
    var reason: String

    func run() async throws {
        let reason = reason
        try await Desk.with(options) { desk in
            let freeze = FreezeSwitch.Freeze(by: NSUserName(), reason: reason, since: ProcessContext.now())
            try await FreezeSwitch(store: desk.store, keys: desk.keys).freeze(freeze)
            try await desk.note("freeze.on", detail: ["reason": reason])
            print("all changes are frozen")
        }
    }
}

/// Allows changes again.
struct UnfreezeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unfreeze", abstract: "Allow changes again.")

    @OptionGroup var options: DeskOptions

    func run() async throws {
        try await Desk.with(options) { desk in
            guard try await FreezeSwitch(store: desk.store, keys: desk.keys).unfreeze() else {
                return print("nothing is frozen")
            }
            try await desk.note("freeze.off", detail: [:])
            print("changes are allowed again; plans need their approvals as before")
        }
    }
}
