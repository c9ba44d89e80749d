import Bus

/// Adds up the numbers that it reads; keeps its sum in memory, with snapshots, as the analyzer keeps its detectors.
struct AdderSession: PartitionSession {
    static let role = "adder"

    private let keys: Keys
    private let partition: Partition
    private let lease: LeaseProof
    private var count: Int64 = 0
    private var sum: Int64 = 0

    init(keys: Keys, partition: Partition, lease: LeaseProof) {
        self.keys = keys
        self.partition = partition
        self.lease = lease
    }

    mutating func restore(_ snapshot: [UInt8]?) async throws {
        let parts = snapshot.map { String(decoding: $0, as: UTF8.self).split(separator: " ").compactMap { Int64($0) } }
        guard let parts, parts.count == 2 else { return }
        (count, sum) = (parts[0], parts[1])
    }

    func snapshot() throws -> [UInt8]? { Array("\(count) \(sum)".utf8) }

    mutating func replay(_ entry: StreamEntry, topic: Topic) async throws { _ = fold(entry) }

    mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction {
        guard let number = fold(entry) else { throw UnreadableEntry("not a number") }
        let fields = [
            Field("n", "\(number)"), Field("count", "\(count)"), Field("sum", "\(sum)"),
            Field("token", "\(lease.token)"), Field("owner", lease.owner),
        ]
        return Transaction(changes: [.append(stream: keys.stream(.anomalies, partition), fields: fields)])
    }

    mutating func elapse() async throws -> Transaction { Transaction() }

    private mutating func fold(_ entry: StreamEntry) -> Int64? {
        guard let number = entry.text("n").flatMap({ Int64($0) }) else { return nil }
        count += 1
        sum += number
        return number
    }
}

extension HistoryChecker {
    /// The outputs of the session in the order of their stream.
    static func outputs(_ store: some BusStore, _ stream: String) async throws -> [Output] {
        var outputs: [Output] = []
        var position = EntryID.zero
        while true {
            let entries = try await store.entries(stream, after: position, limit: 2_000)
            guard let last = entries.last else { return outputs }
            position = last.id
            for entry in entries {
                func number(_ name: String) -> Int64 { entry.text(name).flatMap { Int64($0) } ?? -1 }
                outputs.append(
                    Output(
                        number: number("n"), count: number("count"), sum: number("sum"), token: number("token"),
                        owner: entry.text("owner") ?? ""))
            }
        }
    }
}
