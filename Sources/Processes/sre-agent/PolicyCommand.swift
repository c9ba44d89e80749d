import ArgumentParser
import Authority
import Bus
import Decision
import Foundation
import Model
import RedisBus
import Runtime
import Settings
import Signatures

/// Asks the policy.
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Ask the policy.", subcommands: [ExplainCommand.self])

    /// Says why a plan needs what it needs.
    struct ExplainCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "explain", abstract: "Say why a plan needs what it needs, rule by rule.")

        @OptionGroup var options: BusOptions

        @Option(name: .shortAndLong, help: "How to print: text or json.")
        var output = OutputFormat.text

        @Argument(help: "Id of the plan, or its beginning.")
        var plan: String

        private struct Row: Encodable {
            var topic: String
            var answer: String
        }

        func run() async throws {
            let id = plan
            let findings = try await options.use { bus in
                let filed = try await bus.desk.find(id)
                let configuration = bus.configuration
                let plan = try configuration.verifier.genuine(filed.record)
                let name = TrackRecord.key(runbook: plan.runbook, target: plan.target)
                let fields = try await bus.store.fields(bus.keys.trackRecord(filed.partition))
                func count(_ kind: String) -> Int {
                    fields["\(name):\(kind)"].flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
                }
                return PlanExplanation(
                    plan, policy: configuration.policy,
                    autoRemediationEnabled: configuration.settings.risk.autoRemediationEnabled,
                    track: TrackRecord(
                        succeeded: count("succeeded"), failed: count("failed"), streak: count("streak")),
                    now: ProcessContext.now()
                ).findings
            }
            if output == .json { return try printJSON(findings.map { Row(topic: $0.topic, answer: $0.answer) }) }
            print(Terminal.table(findings.map { [Terminal.safe($0.topic), Terminal.safe($0.answer)] }))
        }
    }
}

extension BusConnection {
    /// Plans and statements of this installation.
    var desk: ApprovalDesk {
        ApprovalDesk(
            store: store, keys: keys, partitions: partitions, digest: SHA256Digest(), now: ProcessContext.now)
    }
}
