import Bus
import Foundation
import Model
import WireFormat

/// The newest entries of a topic in all partitions, decoded for a person.
package struct StreamTail: Sendable {
    /// An entry as it is shown.
    package struct Row: Encodable, Sendable {
        /// Key of the stream.
        package var stream: String
        /// Position in it.
        package var entry: String
        /// Fields in the order of the entry; `data` decoded.
        package var fields: [String: String]
        /// Names of the fields in the order of the entry.
        var order: [String]

        private enum CodingKeys: CodingKey { case stream, entry, fields }
    }

    private let store: any BusStore
    private let keys: Keys
    private let partitions: Int

    package init(store: any BusStore, keys: Keys, partitions: Int) {
        self.store = store
        self.keys = keys
        self.partitions = partitions
    }

    /// Shows the newest entries, oldest of them first, and with `follow` all that come after, until cancelled.
    package func run(
        _ topic: Topic, lines: Int, follow: Bool, show: @Sendable (Row) throws -> Void
    ) async throws {
        var positions: [String: EntryID] = [:]
        var first: [(String, StreamEntry)] = []
        for partition in Partition.all(count: partitions) {
            let stream = keys.stream(topic, partition)
            let newest = try await store.newestEntries(stream, limit: max(1, lines))
            positions[stream] = newest.first?.id ?? .zero
            first += newest.prefix(lines).map { (stream, $0) }
        }
        for (stream, entry) in first.sorted(by: { ($0.1.id, $0.0) < ($1.1.id, $1.0) }) {
            try show(Self.row(entry, stream))
        }
        while follow, !Task.isCancelled {
            let found = try await store.awaitEntries(positions, timeout: .seconds(1))
            for stream in found.keys.sorted() {
                for entry in try await store.entries(stream, after: positions[stream] ?? .zero, limit: 100) {
                    try show(Self.row(entry, stream))
                    positions[stream] = entry.id
                }
            }
        }
    }

    /// The fields of an entry as text: JSON as it stands, sample batches decoded.
    package static func row(_ entry: StreamEntry, _ stream: String) -> Row {
        var fields = Dictionary(entry.fields.map { ($0.name, $0.text) }) { $1 }
        if let envelope = try? Envelope(entry), envelope.contentType == .protobuf,
            let observation: Observation = try? envelope.decode(), let json = try? observation.canonicalJSON()
        {
            fields["data"] = String(decoding: json, as: UTF8.self)
        }
        return Row(stream: stream, entry: "\(entry.id)", fields: fields, order: entry.fields.map(\.name))
    }

    /// A row for a terminal.
    package static func text(_ row: Row, _ terminal: Terminal = Terminal()) -> String {
        let fields = row.order.map { "  \(Terminal.safe($0)): \(Terminal.safe(row.fields[$0] ?? ""))" }
        return ([terminal.bold("\(Terminal.safe(row.stream)) \(row.entry)")] + fields).joined(separator: "\n")
    }
}
