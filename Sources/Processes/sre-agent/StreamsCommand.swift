import ArgumentParser
import Bus
import Foundation
import Model
import RedisBus
import Runtime
import WireFormat

/// Shows, follows and copies the streams.
struct StreamsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "Show, follow and copy the streams.",
        subcommands: [ListCommand.self, TailCommand.self, ExportCommand.self, ImportCommand.self],
        defaultSubcommand: ListCommand.self)

    /// Lists every stream with what waits in it.
    struct ListCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the streams: length, size, oldest entry, and each reader with its backlog and owner.")

        @OptionGroup var options: BusOptions

        @Flag(help: "One line for each partition instead of each topic.")
        var partitions = false

        @Option(name: .shortAndLong, help: "How to print: text or json.")
        var output = OutputFormat.text

        func run() async throws {
            let items = try await options.use { bus in
                try await StreamInventory(store: bus.store, keys: bus.keys, partitions: bus.partitions).items()
            }
            if output == .json { return try printJSON(items) }
            let table = StreamTable(items, now: Date().timeIntervalSince1970)
            print(partitions ? table.byPartition : table.byTopic)
        }
    }

    /// Prints the newest entries of a topic.
    struct TailCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "tail", abstract: "Print the newest entries of a topic, decoded.",
            discussion: "Topics: " + Topic.allCases.map(\.rawValue).joined(separator: ", "))

        @OptionGroup var options: BusOptions

        @Option(name: .shortAndLong, help: "Entries of each partition to begin with.")
        var lines = 10

        @Flag(name: .shortAndLong, help: "Go on with new entries until interrupted.")
        var follow = false

        @Option(name: .shortAndLong, help: "How to print: text or json.")
        var output = OutputFormat.text

        @Argument(help: "Topic.")
        var topic: Topic

        func validate() throws {
            guard lines >= 0 else { throw ValidationError("--lines must not be negative") }
        }

        func run() async throws {
            let (topic, lines, follow, output) = (topic, lines, follow, output)
            try await options.use { bus in
                try await StreamTail(store: bus.store, keys: bus.keys, partitions: bus.partitions)
                    .run(topic, lines: lines, follow: follow) { row in
                        if output == .json { try printJSON(row) } else { print(StreamTail.text(row)) }
                    }
            }
        }
    }

    /// Writes everything about an incident into a file.
    struct ExportCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export", abstract: "Write every entry about an incident as lines of JSON.",
            discussion: "Its anomalies, revisions, plans, decisions, outcomes and audit entries, from all streams.")

        @OptionGroup var options: BusOptions

        @Option(help: "File to write; default: standard output.")
        var out: String?

        @Argument(help: "Id of the incident, such as INC-….")
        var incident: String

        func run() async throws {
            let incident = incident
            let lines = try await options.use { bus in try await IncidentTrail(bus).lines(of: incident) }
            guard !lines.isEmpty else { throw AgentFailure("no stream has an entry about \(incident)") }
            let text = lines.joined(separator: "\n") + "\n"
            guard let out else { return print(text, terminator: "") }
            try text.write(toFile: out, atomically: true, encoding: .utf8)
            FileHandle.standardError.write(Data("\(out): \(lines.count) entries\n".utf8))
        }
    }

    /// Reads an export into another installation for study.
    struct ImportCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import", abstract: "Read an export into empty streams of this installation, for study.",
            discussion: """
                Entries keep their positions. Streams that hold something already are refused, so that nothing is mixed \
                with what lives, and no reader acts on an imported plan: only an installation without processes takes it.
                """)

        @OptionGroup var options: BusOptions

        @Argument(help: "File that 'streams export' wrote.")
        var file: String

        func run() async throws {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                throw AgentFailure("\(file) cannot be read")
            }
            let entries: [(stream: String, entry: StreamEntry)]
            do {
                entries = try StreamExport.decode(text, file: file)
            } catch {
                throw AgentFailure(error.description)
            }
            let byStream = Dictionary(grouping: entries, by: \.stream)
            try await options.use { bus in
                for stream in byStream.keys.sorted() {
                    guard stream.hasPrefix(bus.keys.prefix) else {
                        throw AgentFailure("\(stream) does not begin with this installation's '\(bus.keys.prefix)'")
                    }
                    guard try await bus.store.length(stream) == 0 else {
                        throw AgentFailure("\(stream) holds entries already; import into an empty installation")
                    }
                }
                for stream in byStream.keys.sorted() {
                    let sorted = (byStream[stream] ?? []).map(\.entry).sorted { $0.id < $1.id }
                    try await bus.store.restore(sorted, to: stream)
                }
            }
            print("\(entries.count) entries in \(byStream.count) streams")
        }
    }
}

extension Topic: ExpressibleByArgument {}

/// The inventory as a table.
struct StreamTable {
    private let items: [StreamInventory.Item]
    private let now: Double

    init(_ items: [StreamInventory.Item], now: Double) {
        self.items = items
        self.now = now
    }

    private static let head = ["length", "bytes", "oldest", "readers (backlog)"]

    /// One line for each topic, over all partitions.
    var byTopic: String {
        let groups = Dictionary(grouping: items, by: \.topic)
        var rows = [["topic", "partitions"] + Self.head]
        for topic in Topic.allCases {
            guard let items = groups[topic.rawValue] else { continue }
            let readers = topic.readers.map { reader in
                let all = items.flatMap(\.readers).filter { $0.role == reader.role }
                let idle = all.filter { $0.owner.isEmpty }.count
                let unowned = idle > 0 ? ", \(idle) without owner" : ""
                return "\(reader.role) (\(all.reduce(0) { $0 + $1.backlog })\(unowned))"
            }
            rows.append(
                [topic.rawValue, "\(items.count)"]
                    + cells(
                        items.reduce(0) { $0 + $1.length }, items.reduce(0) { $0 + $1.bytes },
                        items.compactMap(\.oldest).min(), readers))
        }
        return Terminal.table(rows)
    }

    /// One line for each stream.
    var byPartition: String {
        var rows = [["stream"] + Self.head]
        for item in items {
            let readers = item.readers.map { reader in
                "\(reader.role) (\(reader.backlog)) \(reader.owner.isEmpty ? "without owner" : Terminal.safe(reader.owner))"
            }
            rows.append([item.stream] + cells(item.length, item.bytes, item.oldest, readers))
        }
        return Terminal.table(rows)
    }

    private func cells(_ length: Int, _ bytes: Int, _ oldest: UInt64?, _ readers: [String]) -> [String] {
        [
            "\(length)", Readable.amount(Double(bytes), "bytes"),
            oldest.map { Readable.duration(max(0, now - Double($0) / 1_000)) + " ago" } ?? "–",
            readers.isEmpty ? "–" : readers.joined(separator: ", "),
        ]
    }
}
