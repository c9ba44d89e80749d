/// Hands what people want to know from the partitions' streams on to one stream of the whole installation.
///
/// Exactly once in two hops: the feed takes each entry of a source stream once (its producer mark), and the position in
/// the source moves after that, in the source's own slot. Runs under a lease of its own, one replica at a time.
package struct FeedRelay: Sendable {
    /// Name of its lease and its positions.
    package static let role = "feed"

    /// What it hands on.
    package static let topics: [Topic] = Topic.allCases.filter { topic in topic.readers.contains { $0.role == role } }

    private struct Source {
        var topic: Topic
        var partition: Partition
        var position: EntryID
        /// The feed's mark for this source, with the incarnation that goes on from it.
        var mark: Int64?
        var epoch: Int64
    }

    private let store: any BusStore
    private let keys: Keys
    private let partitions: Int
    private let batch = 100

    package init(store: any BusStore, keys: Keys, partitions: Int) {
        self.store = store
        self.keys = keys
        self.partitions = partitions
    }

    /// Relays until the task is cancelled or another incarnation has taken over.
    package func run() async throws {
        var sources: [String: Source] = [:]
        for partition in Partition.all(count: partitions) {
            for topic in Self.topics { sources[keys.stream(topic, partition)] = try await load(topic, partition) }
        }
        while true {
            try Task.checkCancellation()
            let found = try await store.awaitEntries(sources.mapValues(\.position), timeout: .seconds(1))
            for stream in found.keys.sorted() {
                guard var source = sources[stream] else { continue }
                try await relay(&source, stream)
                sources[stream] = source
            }
        }
    }

    private func load(_ topic: Topic, _ partition: Partition) async throws -> Source {
        let stream = keys.stream(topic, partition)
        let position =
            try await store.fields(keys.feedState(partition))["position:\(stream)"]
            .flatMap { EntryID(String(decoding: $0, as: UTF8.self)) } ?? .zero
        let stored =
            try await store.fields(marks)[producer(topic, partition)]
            .map { String(decoding: $0, as: UTF8.self).split(separator: ":").compactMap { Int64($0) } } ?? []
        return Source(
            topic: topic, partition: partition, position: position, mark: stored.count == 2 ? stored[1] : nil,
            epoch: (stored.first ?? 0) + 1)
    }

    private var marks: String { keys.global("marks") }

    private func producer(_ topic: Topic, _ partition: Partition) -> String {
        "relay:\(partition.tag):\(topic.rawValue)"
    }

    private func relay(_ source: inout Source, _ stream: String) async throws {
        for entry in try await store.entries(stream, after: source.position, limit: batch) {
            let sequence = Self.sequence(entry.id)
            let request = AppendRequest(
                stream: keys.feed, marks: marks, producer: producer(source.topic, source.partition),
                epoch: source.epoch, previous: source.mark, sequence: sequence,
                entries: [
                    [Field("topic", source.topic.rawValue), Field("partition", "\(source.partition.rawValue)")]
                        + entry.fields
                ], limits: .init(soft: .max, hard: .max, bytes: .max))
            switch try await store.append(request) {
            case .appended, .duplicate: source.mark = max(source.mark ?? .min, sequence)
            case .gap(let mark):
                // The feed lost its newest entries; it goes on from here, and the sources still have what it lost.
                source.mark = mark
                return
            case .fenced, .full: throw FencedError.fenced
            }
            let advance = Transaction.Advance(
                stateKey: keys.feedState(source.partition), stream: stream, group: Self.role, from: source.position,
                to: entry.id)
            if case .conflict(let key, let field) = try await store.acknowledgeRelay(advance) {
                throw CommitConflict(key: key, field: field)
            }
            source.position = entry.id
        }
    }

    /// Entry ids as increasing integers: milliseconds and the lower twenty bits of the counter.
    private static func sequence(_ id: EntryID) -> Int64 {
        Int64(clamping: (id.milliseconds << 20) | min(id.sequence, (1 << 20) - 1))
    }
}
