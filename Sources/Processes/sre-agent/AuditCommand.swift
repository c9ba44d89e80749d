import ArgumentParser
import Bus
import Foundation
import Logging
import RedisBus
import RedisClient
import Runtime
import Settings
import Signatures

/// Looks after the audit chain.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Look after the audit chain.", subcommands: [VerifyCommand.self])
}

/// Checks the audit chain of every partition.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check the audit chain of every partition and name the first break.")

    @Option(name: .shortAndLong, help: "Configuration file.")
    var config = "config/config.yaml"

    func run() async throws {
        let configuration = try LoadedConfiguration(file: config)
        let store = try BusConnection(configuration)
        let keys = Keys(prefix: configuration.settings.redis.prefix)
        let chain = AuditChain(keys: keys, digest: SHA256Digest())
        let partitions = configuration.settings.redis.partitions
        let broken = try await store.use { store in
            var broken = 0
            var total = 0
            for partition in Partition.all(count: partitions) {
                var entries: [StreamEntry] = []
                while true {
                    let more = try await store.entries(
                        keys.stream(.audit, partition), after: entries.last?.id ?? .zero, limit: 1_000)
                    if more.isEmpty { break }
                    entries += more
                }
                let head = try await store.fields(keys.auditHead(partition))["hash"]
                    .map { String(decoding: $0, as: UTF8.self) }
                total += entries.count
                guard let problem = chain.firstBreak(entries, headHash: head) else { continue }
                broken += 1
                print("partition \(partition.rawValue): \(problem)")
            }
            if broken == 0 { print("ok: \(total) entries in \(partitions) partitions") }
            return broken
        }
        if broken > 0 { throw ExitCode(1) }
    }
}

/// A short-lived connection to the bus.
struct BusConnection: Sendable {
    private let client: RedisClient
    private let store: RedisBus

    init(_ configuration: LoadedConfiguration) throws(RedisError) {
        var logger = Logger(label: "sre-agent")
        logger.logLevel = .critical
        var redis = try RedisConfiguration(url: configuration.settings.redis.url)
        redis.clientName = "sre-agent"
        client = RedisClient(configuration: redis, logger: logger)
        store = RedisBus(client: client, logger: logger)
    }

    /// Connects, runs `body` and disconnects.
    func use<Result: Sendable>(
        _ body: @escaping @Sendable (RedisBus) async throws -> Result
    ) async throws -> Result {
        let running = Task { await client.run() }
        defer { running.cancel() }
        return try await body(store)
    }
}
