import Bus
import Foundation
import RedisBus
import RedisClient
import Synchronization
import TestSupport

/// Measures how long a partition stands still when its worker is killed, and how soon an idle reader sees an entry.
package enum TakeoverMeasurement {
    /// Milliseconds from `kill -9` of a partition's owner to the next commit of another worker.
    package static func takeovers(_ kills: Int) async throws -> [Double] {
        let server = try RedisServer(["--appendonly", "yes"])
        let proxy = try await CuttingProxy(to: "\(server.folder)/redis.sock")
        let keys = Keys()
        let partition = Partition(rawValue: 0)
        let program = try ProcessesProof.program()
        func worker(_ name: String) throws -> ProcessesProof.Worker {
            try ProcessesProof.Worker(program, name, proxy.port, 1)
        }
        var running = ["w0": try worker("w0"), "w1": try worker("w1")]
        var times: [Double] = []
        try await server.use { _, store in
            try await store.ensureLibrary()
            let input = keys.stream(.observations, partition)
            let output = keys.stream(.anomalies, partition)
            var number: Int64 = 0
            func write() async throws {
                number += 1
                _ = try await store.append(
                    AppendRequest(
                        stream: input, marks: keys.marks(partition), producer: "p", epoch: 1,
                        previous: number == 1 ? nil : number - 1, sequence: number, entries: [[Field("n", "\(number)")]]
                    ))
            }
            func owner(after count: Int) async throws -> String {
                while try await store.length(output) < count {
                    _ = try await store.awaitEntries([output: .zero], timeout: .milliseconds(1))
                }
                return try await store.newestEntries(output, limit: 1).first?.text("owner") ?? ""
            }
            for kill in 0..<kills {
                try await write()
                let owner = String(try await owner(after: Int(number)).prefix { $0 != "-" })
                running[owner]?.end()
                let begun = ContinuousClock.now
                try await write()
                let last = try await store.newestEntries(output, limit: 1).first?.id ?? .zero
                while try await store.awaitEntries([output: last], timeout: .seconds(5)).isEmpty {}
                times.append(begun.duration(to: .now) / .milliseconds(1))
                running[owner] = nil
                running["w\(kill + 2)"] = try worker("w\(kill + 2)")
            }
        }
        for worker in running.values { worker.end() }
        await proxy.close()
        return times
    }

    /// Milliseconds from an entry in an idle stream to the call of the session that processes it.
    package static func sightings(_ count: Int) async throws -> [Double] {
        let server = try RedisServer(["--appendonly", "yes"])
        return try await server.use { _, store in
            try await store.ensureLibrary()
            let keys = Keys()
            let (seen, sight) = AsyncStream.makeStream(of: ContinuousClock.Instant.self)
            let worker = PartitionWorker(
                .init(role: "executor", inputs: [.decisions]), store: store, keys: keys,
                newOwner: { UUID().uuidString }, observe: { _ in }
            ) { _, _ in Watcher { sight.yield(.now) } }
            let running = Task { await worker.run() }
            defer { running.cancel() }
            var iterator = seen.makeAsyncIterator()
            var times: [Double] = []
            for number in 0..<(count + 20) {
                let stream = keys.stream(.decisions, Partition(rawValue: number % Partition.defaultCount))
                let begun = ContinuousClock.now
                _ = try await store.transition(
                    Transaction(changes: [.append(stream: stream, fields: [Field("a", "b")])]))
                guard let instant = await iterator.next() else { break }
                // The first ones wait for the leases.
                if number >= 20 { times.append(begun.duration(to: instant) / .milliseconds(1)) }
                try await Task.sleep(for: .milliseconds(Int.random(in: 5...30)))
            }
            return times
        }
    }

    /// Tells when it is given an entry.
    private struct Watcher: PartitionSession {
        let saw: @Sendable () -> Void

        mutating func restore(_ snapshot: [UInt8]?) async throws {}
        mutating func replay(_ entry: StreamEntry, topic: Topic) async throws {}
        mutating func elapse() async throws -> Transaction { Transaction() }
        func snapshot() throws -> [UInt8]? { nil }

        mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction {
            saw()
            return Transaction()
        }
    }
}
