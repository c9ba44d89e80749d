import Bus
import RedisBus
import RedisClient
import TestSupport

/// The model of the store and a real Redis give the same answers to the same operations, and end with the same contents.
package enum DifferentialProof: Proof {
    package static let name = "differential"
    package static let fullRuns = 20_000
    /// Operations of one sequence.
    static let length = 60
    private static let lanes = 8
    /// Sequences between two emptyings of the database, which would grow without end.
    private static let round = 500

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        let server = try RedisServer(["--appendonly", "no"])
        return try await server.use { client, redis in
            try await redis.ensureLibrary()
            var report = ProofReport(name: name, runs: runs, seed: seed)
            for first in stride(from: 0, to: runs, by: round) {
                let sequences = first..<min(runs, first + round)
                for (difference, answers) in try await differences(of: sequences.map { seed + UInt64($0) }, redis) {
                    report.count("operations", by: Double(answers))
                    if let difference { report.violations.append(difference) }
                }
                if sequences.upperBound % (4 * round) == 0 { progress("\(sequences.upperBound) of \(runs) sequences") }
                // Between rounds only: a sequence under way would miss its keys.
                _ = try await client.send(RedisCommand("FLUSHDB", "ASYNC"))
            }
            return report
        }
    }

    private static func differences(of seeds: [UInt64], _ redis: RedisBus) async throws -> [(String?, Int)] {
        try await withThrowingTaskGroup(of: (String?, Int).self) { group in
            var waiting = seeds[...]
            for seed in waiting.prefix(lanes) { group.addTask { try await difference(seed, redis) } }
            waiting = waiting.dropFirst(lanes)
            var results: [(String?, Int)] = []
            while let result = try await group.next() {
                results.append(result)
                if let seed = waiting.popFirst() { group.addTask { try await difference(seed, redis) } }
            }
            return results
        }
    }

    /// - Returns: the first difference of a sequence, and the number of operations.
    private static func difference(_ seed: UInt64, _ redis: RedisBus) async throws -> (String?, Int) {
        var generator = SeededGenerator(seed: seed)
        let model = ModelStore()
        let names = StoreOperation.Names(prefix: "{p\(seed)}:")
        for step in 0..<length {
            let operation = StoreOperation.random(names, &generator)
            let expected = try await operation.answer(of: model)
            let actual = try await operation.answer(of: redis)
            guard actual == expected else {
                return (
                    "seed \(seed) step \(step): \(operation): the model says \(expected), Redis \(actual)", step + 1
                )
            }
        }
        let difference = try await firstDifference(model, redis, names)
        return (difference.map { "seed \(seed): \($0)" }, length)
    }

    /// The first key whose contents differ.
    static func firstDifference(
        _ model: some BusStore, _ other: some BusStore, _ names: StoreOperation.Names
    ) async throws -> String? {
        let expected = try await contents(of: model, names)
        let actual = try await contents(of: other, names)
        let key = expected.keys.sorted().first { expected[$0] != actual[$0] }
        return key.map { "\($0) is \(actual[$0] ?? "missing") instead of \(expected[$0] ?? "")" }
    }

    /// Everything that a sequence has left, with positions as the number of entries up to them.
    private static func contents(of store: some BusStore, _ names: StoreOperation.Names) async throws -> [String:
        String]
    {
        var contents: [String: String] = [:]
        var ids: [String: [EntryID]] = [:]
        for stream in names.streams + [names.gaps, "\(names.prefix)dead"] {
            let entries = try await store.entries(stream, after: .zero, limit: 10_000)
            ids[stream] = entries.map(\.id)
            contents[stream] = entries.map { entry in
                entry.fields.map { "\($0.name)=\(EntryID($0.text) == nil ? $0.text : "id")" }.joined(separator: ",")
            }.joined(separator: ";")
            contents["length of \(stream)"] = "\(try await store.length(stream))"
        }
        func place(_ text: String, _ name: String) -> String {
            let parts = text.split(separator: " ").map(String.init)
            // A relay's operation is named after the entry, whose id each store makes for itself.
            if name == "operation" { return parts.filter { EntryID($0) == nil }.joined(separator: " ") }
            guard let id = parts.first.flatMap(EntryID.init), let colon = name.firstIndex(of: ":") else { return text }
            let known = ids[String(name[name.index(after: colon)...])] ?? []
            return (["after \(known.count { $0 <= id })"] + parts.dropFirst()).joined(separator: " ")
        }
        for hash in names.hashes {
            // The size of a gap's note depends on the ids in it.
            contents[hash] = try await store.fields(hash).sorted { $0.key < $1.key }
                .filter { $0.key != "bytes:\(names.gaps)" }
                .map { "\($0.key)=\(place(String(decoding: $0.value, as: UTF8.self), $0.key))" }
                .joined(separator: ",")
        }
        for set in names.sets {
            contents[set] = "\(try await store.ranked(set, minimum: -100, limit: 100))"
            contents["low \(set)"] = "\(try await store.lowest(set, maximum: 100, limit: 100))"
        }
        for lease in names.leases { contents[lease] = "\(String(describing: try await store.lease(lease)))" }
        return contents
    }
}
