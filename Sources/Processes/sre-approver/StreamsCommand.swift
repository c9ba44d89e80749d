import ArgumentParser
import Bus
import Foundation
import Model
import RedisBus
import Runtime
import Settings
import WireFormat

/// Reads the streams.
struct StreamsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "Read the streams.", subcommands: [TailCommand.self])
}

/// Prints the newest entries of a topic, decoded.
struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Print the newest entries of a topic, decoded.",
        discussion: "Topics: " + Topic.allCases.map(\.rawValue).joined(separator: ", "))

    @OptionGroup var options: DeskOptions

    @Option(name: .shortAndLong, help: "Entries of each partition to begin with.")
    var lines = 10

    @Flag(name: .shortAndLong, help: "Go on with new entries until interrupted.")
    var follow = false

    @Argument(help: "Topic.")
    var topic: String

    func validate() throws {
        guard Topic(rawValue: topic) != nil else {
            throw ValidationError(
                "unknown topic '\(topic)'; valid: \(Topic.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard lines >= 0 else { throw ValidationError("--lines must not be negative") }
    }

    func run() async throws {
        let options = options
        guard let topic = Topic(rawValue: topic) else { return }
        let lines = lines
        let follow = follow
        try await Desk.with(options) { desk in
            var positions: [String: EntryID] = [:]
            var first: [(String, StreamEntry)] = []
            for partition in Partition.all(count: desk.configuration.settings.redis.partitions) {
                let stream = desk.keys.stream(topic, partition)
                let newest = try await desk.store.newestEntries(stream, limit: max(1, lines))
                positions[stream] = newest.first?.id ?? .zero
                first += newest.prefix(lines).map { (stream, $0) }
            }
            for (stream, entry) in first.sorted(by: { ($0.1.id, $0.0) < ($1.1.id, $1.0) }) {
                try Self.show(entry, stream, options.output)
            }
            while follow, !Task.isCancelled {
                let found = try await desk.store.awaitEntries(positions, timeout: .seconds(1))
                for stream in found.keys.sorted() {
                    let entries = try await desk.store.entries(stream, after: positions[stream] ?? .zero, limit: 100)
                    for entry in entries {
                        try Self.show(entry, stream, options.output)
                        positions[stream] = entry.id
                    }
                }
            }
        }
    }

    private struct Row: Encodable {
        var stream: String
        var entry: String
        var fields: [String: String]
    }

    static func show(_ entry: StreamEntry, _ stream: String, _ output: OutputFormat) throws {
        let data = data(of: entry)
        let plain = entry.fields.filter { $0.name != "data" }
        if output == .json {
            var fields = Dictionary(plain.map { ($0.name, $0.text) }) { $1 }
            fields["data"] = data
            return try printJSON(Row(stream: stream, entry: "\(entry.id)", fields: fields))
        }
        let terminal = Terminal()
        print(terminal.bold("\(Terminal.safe(stream)) \(entry.id)"))
        for field in plain { print("  \(Terminal.safe(field.name)): \(Terminal.safe(field.text))") }
        print("  data: \(Terminal.safe(data))")
    }

    /// JSON as it stands, sample batches decoded.
    private static func data(of entry: StreamEntry) -> String {
        guard let envelope = try? Envelope(entry) else { return entry.text("data") ?? "" }
        if envelope.contentType == .protobuf, let observation: Observation = try? envelope.decode(),
            let json = try? observation.canonicalJSON()
        {
            return String(decoding: json, as: UTF8.self)
        }
        return String(decoding: envelope.data, as: UTF8.self)
    }
}
