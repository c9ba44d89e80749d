import ArgumentParser
import Bus
import Foundation
import Model
import RedisBus
import Runtime
import Signatures

/// Looks after entries that could not be processed.
struct DeadLetterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlq", abstract: "Look after entries that could not be processed.",
        subcommands: [ListCommand.self, ShowCommand.self, ReplayCommand.self, DropCommand.self],
        defaultSubcommand: ListCommand.self)

    /// A dead letter with its partition.
    private struct Found {
        var partition: Partition
        var letter: DeadLetter

        var name: String { "\(partition.rawValue)/\(letter.id)" }
    }

    private struct Row: Encodable {
        var id: String
        var stream: String
        var entry: String
        var role: String
        var attempts: Int
        var reason: String
        var fields: [String: String]?

        init(_ found: Found, withFields: Bool) {
            id = found.name
            stream = found.letter.stream
            entry = "\(found.letter.entry)"
            role = found.letter.role
            attempts = found.letter.attempts
            reason = found.letter.reason
            fields = withFields ? Dictionary(found.letter.fields.map { ($0.name, $0.text) }) { $1 } : nil
        }
    }

    private static func all(_ bus: BusConnection) async throws -> [Found] {
        var found: [Found] = []
        for partition in Partition.all(count: bus.partitions) {
            found += try await bus.allEntries(bus.keys.stream(.deadLetters, partition))
                .compactMap { DeadLetter($0).map { Found(partition: partition, letter: $0) } }
        }
        return found
    }

    private static func find(_ id: String, _ bus: BusConnection) async throws -> Found {
        let parts = id.split(separator: "/")
        guard parts.count == 2, let number = Int(parts[0]), (0..<bus.partitions).contains(number),
            let entry = EntryID(String(parts[1]))
        else {
            throw AgentFailure("'\(id)' is not the id of a dead letter; valid: partition/ms-n, as 'dlq list' prints it")
        }
        let found = try await all(bus).first { $0.partition.rawValue == number && $0.letter.id == entry }
        guard let found else { throw AgentFailure("there is no dead letter \(id)") }
        return found
    }

    /// Lists them.
    struct ListCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the dead letters of all partitions.")

        @OptionGroup var options: BusOptions

        @Option(name: .shortAndLong, help: "How to print: text or json.")
        var output = OutputFormat.text

        func run() async throws {
            let rows = try await options.use { bus in try await all(bus).map { Row($0, withFields: false) } }
            if output == .json { return try printJSON(rows) }
            guard !rows.isEmpty else { return print("no dead letters") }
            let head = [["id", "stream", "entry", "role", "attempts", "reason"]]
            print(
                Terminal.table(
                    head
                        + rows.map {
                            [$0.id, $0.stream, $0.entry, $0.role, "\($0.attempts)", Terminal.safe($0.reason)]
                        }))
        }
    }

    /// Shows one.
    struct ShowCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Show a dead letter with the fields of its entry.")

        @OptionGroup var options: BusOptions

        @Option(name: .shortAndLong, help: "How to print: text or json.")
        var output = OutputFormat.text

        @Argument(help: "Id, as 'dlq list' prints it.")
        var id: String

        func run() async throws {
            let id = id
            let row = try await options.use { bus in Row(try await find(id, bus), withFields: true) }
            if output == .json { return try printJSON(row) }
            print("\(row.id)  from \(row.stream) \(row.entry), \(row.role), \(row.attempts) attempts")
            print("  reason: \(Terminal.safe(row.reason))")
            for (name, value) in (row.fields ?? [:]).sorted(by: { $0.key < $1.key }) {
                print("  \(Terminal.safe(name)): \(Terminal.safe(value))")
            }
        }
    }

    /// Puts one back.
    struct ReplayCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "replay", abstract: "Put a dead letter back at the end of its stream, with its id as before.")

        @OptionGroup var options: BusOptions

        @Argument(help: "Id, as 'dlq list' prints it.")
        var id: String

        func run() async throws {
            let id = id
            try await options.use { bus in
                let found = try await find(id, bus)
                try await settle(
                    found, "dlq.replayed",
                    [.append(stream: found.letter.stream, fields: found.letter.fields)], bus)
            }
            print("\(id) is back in its stream")
        }
    }

    /// Removes one.
    struct DropCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "drop", abstract: "Remove a dead letter for good.")

        @OptionGroup var options: BusOptions

        @Option(help: "Why; kept in the audit.")
        var reason: String

        @Argument(help: "Id, as 'dlq list' prints it.")
        var id: String

        func run() async throws {
            let (id, reason) = (id, reason)
            try await options.use { bus in
                try await settle(try await find(id, bus), "dlq.dropped", [], bus, reason: reason)
            }
            print("\(id) is gone")
        }
    }

    /// Takes a letter out, with what else happens to it and a link of the audit chain, all at once.
    private static func settle(
        _ found: Found, _ action: String, _ changes: [Transaction.Change], _ bus: BusConnection, reason: String = ""
    ) async throws {
        let drop = Transaction.Change.drop(
            stream: bus.keys.stream(.deadLetters, found.partition), entry: found.letter.id)
        try await OperatorAudit(bus).apply(
            Transaction(changes: changes + [drop]), in: found.partition, action: action, subject: found.name,
            detail: ["stream": found.letter.stream, "entry": "\(found.letter.entry)", "reason": reason])
    }
}
