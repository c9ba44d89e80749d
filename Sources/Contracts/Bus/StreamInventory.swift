/// What stands in the streams: lengths, backlogs and owners, from the store's own counters.
package struct StreamInventory: Sendable {
    /// A role that reads a stream.
    package struct Reader: Sendable, Equatable, Encodable {
        /// Role.
        package var role: String
        /// Entries that it has yet to read.
        package var backlog: Int
        /// Incarnation that holds the partition's lease; empty when nobody does.
        package var owner: String
    }

    /// One stream.
    package struct Item: Sendable, Equatable, Encodable {
        /// Key of the stream.
        package var stream: String
        /// Topic.
        package var topic: String
        /// Partition, from 0.
        package var partition: Int
        /// Entries that stand in it.
        package var length: Int
        /// Bytes of their names and values.
        package var bytes: Int
        /// When its oldest entry was written, Unix milliseconds; `nil` when it is empty.
        package var oldest: UInt64?
        /// Who reads it.
        package var readers: [Reader]
    }

    private let store: any BusStore
    private let keys: Keys
    private let partitions: Int

    package init(store: any BusStore, keys: Keys, partitions: Int) {
        self.store = store
        self.keys = keys
        self.partitions = partitions
    }

    /// All streams, by partition and topic; those that hold nothing and have no reader behind are left out.
    package func items() async throws -> [Item] {
        var items: [Item] = []
        for partition in Partition.all(count: partitions) {
            let counters = try await store.fields(keys.counters(partition))
                .compactMapValues { Int(String(decoding: $0, as: UTF8.self)) }
            var owners: [String: String] = [:]
            for topic in Topic.allCases {
                let stream = keys.stream(topic, partition)
                let length = try await store.length(stream)
                guard length > 0 || counters["appended:\(stream)"] != nil else { continue }
                let appended = counters["appended:\(stream)"] ?? 0
                var readers: [Reader] = []
                for reader in topic.readers {
                    if owners[reader.role] == nil { owners[reader.role] = try await owner(reader.role, partition) }
                    readers.append(
                        Reader(
                            role: reader.role,
                            backlog: max(0, appended - (counters["done:\(reader.role):\(stream)"] ?? 0)),
                            owner: owners[reader.role] ?? ""))
                }
                let oldest = try await store.entries(stream, after: .zero, limit: 1).first?.id.milliseconds
                items.append(
                    Item(
                        stream: stream, topic: topic.rawValue, partition: partition.rawValue, length: length,
                        bytes: max(0, counters["bytes:\(stream)"] ?? 0), oldest: oldest, readers: readers))
            }
        }
        return items
    }

    private func owner(_ role: String, _ partition: Partition) async throws -> String {
        let key = role == FeedRelay.role ? keys.globalLease(role) : keys.lease(role, partition)
        return try await store.lease(key)?.owner ?? ""
    }
}
