import ArgumentParser
import Bus
import Foundation
import Model
import RedisBus
import Runtime

/// Ends the recovery of an installation whose database was lost.
struct RecoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover", abstract: "Let things be carried out again after the database was lost.",
        discussion: """
            While an installation is RECOVERING, metrics are collected and analysed, and nothing is carried out: plans \
            that ran before the loss are not known any more. Look at the targets first.
            """)

    @OptionGroup var options: BusOptions

    @Flag(help: "End the recovery without being asked.")
    var yes = false

    func run() async throws {
        let yes = yes
        let text = try await options.use { bus in
            let now = ProcessContext.now().rawValue
            let record = try await InstallationRecord.join(
                bus.store, bus.keys, isLost: nil, id: UUID().uuidString.lowercased(), now: now)
            guard record.state == .recovering else { return "the installation \(record.id) is ACTIVE" }
            print("RECOVERING since \(Timestamp(milliseconds: record.since)): \(record.reason)")
            guard yes || Self.isConfirmed() else { throw AgentFailure("nothing was changed; --yes ends the recovery") }
            guard try await record.end(in: bus.store, bus.keys, now: now) else {
                throw AgentFailure("the installation changed meanwhile; look again")
            }
            try await OperatorAudit(bus).apply(
                Transaction(), in: Partition(rawValue: 0), action: "installation.recovered", subject: record.id,
                detail: ["reason": record.reason])
            return "the installation \(record.id) is ACTIVE again"
        }
        print(text)
    }

    private static func isConfirmed() -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        FileHandle.standardError.write(Data("Have the targets been looked at? [y/N] ".utf8))
        return readLine()?.lowercased() == "y"
    }
}
