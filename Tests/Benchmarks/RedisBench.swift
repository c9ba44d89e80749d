import ArgumentParser
import Bus
import Foundation
import NIOPosix
import RedisBus
import RedisClient
import TestSupport

/// Throughput of the client and of commits, beside redis-benchmark on the same server in the same run.
struct RedisCommandLine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redis", abstract: "Throughput of the client and of commits beside redis-benchmark.")

    @OptionGroup var options: BenchOptions

    func run() async throws {
        var measurements: [Measurement] = []
        let server = try RedisServer(["--appendonly", "no"])
        let configuration = try RedisConfiguration(url: server.url)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        guard case .standalone(let endpoint) = configuration.topology else { return }
        let connection = try await RedisConnection.connect(to: endpoint, configuration, on: loop)
        for (depth, count) in [(1_000, 400_000), (100, 200_000), (16, 100_000), (1, 20_000)] {
            let own = await repeated { try await Self.adds(connection, depth, count) }
            let peer = try (0..<options.runs).map { _ in
                try Self.peer(server, depth, count, ["XADD", "s", "*", "f", String(repeating: "x", count: 200)])
            }
            measurements.append(
                Measurement(
                    "XADD 200 B, depth \(depth)", own, unit: "ops/s", peer: "redis-benchmark", peerRuns: peer))
        }
        measurements.append(try await reads(connection, server))
        await connection.close()
        measurements += try await commits()
        try BenchReport.publish("redis", measurements, to: options.out)
    }

    private func repeated(_ body: () async throws -> Double) async -> [Double] {
        var values: [Double] = []
        for _ in 0..<options.runs { if let value = try? await body() { values.append(value) } }
        return values
    }

    /// Adds with at most `depth` unanswered commands.
    ///
    /// Of many, one half goes out at a time: the server works on it while the answers to the other are taken in.
    private static func adds(
        _ connection: RedisConnection, _ depth: Int, _ count: Int
    ) async throws -> Double {
        _ = try await connection.send(RedisCommand("DEL", "s"))
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 200)
        let command = RedisCommand("XADD", arguments: [Array("s".utf8), Array("*".utf8), Array("f".utf8), payload])
        let halves = depth < 64 ? 1 : 2
        let commands = Array(repeating: command, count: depth / halves)
        let begun = ContinuousClock.now
        try await withThrowingTaskGroup { group in
            for _ in 0..<halves {
                group.addTask {
                    try await connection.perform { connection in
                        for _ in 0..<(count / depth) { _ = try await connection.pipeline(commands) }
                    }
                }
            }
            try await group.waitForAll()
        }
        return Double(count / depth * depth) / seconds(since: begun)
    }

    /// Requests per second of redis-benchmark on one connection.
    private static func peer(
        _ server: RedisServer, _ depth: Int, _ count: Int, _ command: [String]
    ) throws -> Double {
        _ = try TestHost.run("/usr/bin/redis-cli", ["-s", "\(server.folder)/redis.sock", "del", "s"])
        return try peerKeeping(server, count, command, depth: depth)
    }

    private func reads(
        _ connection: RedisConnection, _ server: RedisServer
    ) async throws -> Measurement {
        let entries = 100_000
        let batch = 100
        let read = ["XREADGROUP", "GROUP", "g", "c", "COUNT", "\(batch)", "STREAMS", "s", ">"]
        var own: [Double] = []
        var peer: [Double] = []
        for _ in 0..<options.runs {
            try await fill(connection, entries)
            own.append(try await Self.consume(connection, read, entries))
            try await fill(connection, entries)
            let ids = try await connection.send(RedisCommand("XRANGE", "s", "-", "+", "COUNT", "\(batch)"))
            let words = ids.array?.compactMap { $0.array?.first?.string } ?? []
            let reading = try Self.peerKeeping(server, entries / batch, read)
            let acknowledging = try Self.peerKeeping(server, entries / batch, ["XACK", "s", "g"] + words)
            peer.append(Double(batch) / (1 / reading + 1 / acknowledging))
        }
        return Measurement(
            "XREADGROUP + XACK, batches of 100", own, unit: "entries/s", peer: "redis-benchmark", peerRuns: peer)
    }

    /// Reads everything in batches, each asked for together with the acknowledgement of the one before it.
    ///
    /// Two readers of the group take turns, so that the server looks for entries while those before them are decoded.
    private static func consume(
        _ connection: RedisConnection, _ read: [String], _ entries: Int
    ) async throws -> Double {
        let command = RedisCommand(read[0], arguments: read.dropFirst().map { Array($0.utf8) })
        let begun = ContinuousClock.now
        let taken = try await withThrowingTaskGroup { group in
            for _ in 0..<2 {
                group.addTask {
                    try await connection.perform { connection in
                        var taken = 0
                        var commands = [command]
                        while true {
                            let reply = try await connection.pipeline(commands)
                            let list = reply.last?.array?.first?.array?.last?.array ?? []
                            if list.isEmpty { return taken }
                            taken += list.count
                            let ids = list.compactMap { $0.array?.first?.bytes }
                            commands = [
                                RedisCommand("XACK", arguments: [Array("s".utf8), Array("g".utf8)] + ids), command,
                            ]
                        }
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        guard taken == entries else { throw ServerFailure("\(taken) of \(entries) entries were read") }
        return Double(entries) / seconds(since: begun)
    }

    /// The same on what is in the server already.
    private static func peerKeeping(
        _ server: RedisServer, _ count: Int, _ command: [String], depth: Int = 1, clients: Int = 1
    ) throws -> Double {
        let output = try TestHost.run(
            "/usr/bin/redis-benchmark",
            ["-s", "\(server.folder)/redis.sock", "-c", "\(clients)", "-P", "\(depth)", "-n", "\(count)", "--csv"]
                + command)
        let line = output.split(separator: "\n").last { $0.hasPrefix("\"") && !$0.hasPrefix("\"test\"") } ?? ""
        let cells = line.split(separator: "\",\"").map { $0.trimmingCharacters(in: ["\""]) }
        guard let rate = cells.dropFirst().compactMap({ Double($0) }).first else {
            throw ServerFailure("redis-benchmark: \(output)")
        }
        return rate
    }

    private func fill(_ connection: RedisConnection, _ entries: Int) async throws {
        _ = try await connection.send(RedisCommand("DEL", "s"))
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 200)
        let command = RedisCommand("XADD", arguments: [Array("s".utf8), Array("*".utf8), Array("f".utf8), payload])
        for _ in 0..<(entries / 1_000) { _ = try await connection.pipeline(Array(repeating: command, count: 1_000)) }
        _ = try await connection.send(RedisCommand("XGROUP", "CREATE", "s", "g", "0"))
    }

    // MARK: Commits

    /// Commits of 100 entries under a lease with `everysec`, through the bus and as the same call by redis-benchmark:
    /// of one partition, and of sixteen side by side, as an analyzer makes them.
    private func commits() async throws -> [Measurement] {
        let server = try RedisServer(["--appendonly", "yes", "--appendfsync", "everysec"])
        return try await server.use { _, store in
            try await store.ensureLibrary()
            var measurements: [Measurement] = []
            for partitions in [1, 16] {
                var transactions: [Transaction] = []
                for number in 0..<partitions { transactions.append(try await Self.transaction(store, number)) }
                var own: [Double] = []
                var peer: [Double] = []
                for _ in 0..<options.runs {
                    own.append(try await Self.commit(transactions, store))
                    let words = try store.commitWords(transactions[0])
                    peer.append(try Self.peerKeeping(server, 1_600, words, clients: partitions) * 100)
                }
                let name = "commit of 100 entries, everysec, \(partitions) side by side"
                measurements += [
                    Measurement(
                        name, own, unit: "entries/s", peer: "same call by redis-benchmark", peerRuns: peer),
                    Measurement(name, own, unit: "entries/s", peer: "goal", peerRuns: [40_000]),
                ]
            }
            return measurements
        }
    }

    private static func transaction(_ store: RedisBus, _ number: Int) async throws -> Transaction {
        let partition = "sre:{p\(number < 10 ? "0" : "")\(number)}"
        let lease = LeaseProof(key: "\(partition):lease:bench", owner: "bench", token: 1)
        _ = try await store.takeLease(lease.key, owner: lease.owner, expected: nil)
        let changes = (0..<100).map { _ in
            Transaction.Change.append(
                stream: "\(partition):anomalies", fields: [Field("data", String(repeating: "x", count: 200))])
        }
        let state = Transaction.Change.set(key: "\(partition):state:bench", fields: [Field("n", "1")])
        return Transaction(lease: lease, changes: [state] + changes)
    }

    private static func commit(_ transactions: [Transaction], _ store: RedisBus) async throws -> Double {
        let calls = 1_600 / transactions.count
        let begun = ContinuousClock.now
        try await withThrowingTaskGroup { group in
            for transaction in transactions {
                group.addTask {
                    for _ in 0..<calls {
                        guard case .committed = try await store.commit(transaction) else {
                            throw ServerFailure("a commit was not applied")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        return Double(calls * transactions.count * 100) / seconds(since: begun)
    }
}

/// Seconds since an instant.
func seconds(since begun: ContinuousClock.Instant) -> Double {
    begun.duration(to: .now) / .seconds(1)
}
