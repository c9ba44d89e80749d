import ArgumentParser
import Bus
import Foundation
import Logging
import RedisBus
import RedisClient
import Runtime
import Settings

/// Options of every subcommand that reads or writes the bus.
struct BusOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Configuration file.")
    var config = "config/config.yaml"

    /// Connects, runs `body` and disconnects.
    func use<Result: Sendable>(
        _ body: @escaping @Sendable (BusConnection) async throws -> Result
    ) async throws -> Result {
        let configuration: LoadedConfiguration
        do {
            configuration = try LoadedConfiguration(file: config)
        } catch {
            throw AgentFailure("\(error)")
        }
        return try await BusConnection(configuration).use(body)
    }
}

/// A short-lived connection to the bus.
struct BusConnection: Sendable {
    let configuration: LoadedConfiguration
    let store: RedisBus
    let keys: Keys
    private let client: RedisClient

    init(_ configuration: LoadedConfiguration) throws(RedisError) {
        self.configuration = configuration
        var logger = Logger(label: "sre-agent")
        logger.logLevel = .critical
        var redis = try RedisConfiguration(url: configuration.settings.redis.url)
        redis.clientName = "sre-agent"
        client = RedisClient(configuration: redis, logger: logger)
        store = RedisBus(client: client, logger: logger)
        keys = Keys(prefix: configuration.settings.redis.prefix)
    }

    var partitions: Int { configuration.settings.redis.partitions }

    /// Connects, runs `body` and disconnects.
    func use<Result: Sendable>(
        _ body: @escaping @Sendable (BusConnection) async throws -> Result
    ) async throws -> Result {
        let running = Task { await client.run() }
        defer { running.cancel() }
        do {
            return try await body(self)
        } catch let error as BusError {
            throw AgentFailure("\(error)")
        }
    }

    /// All entries of a stream, oldest first.
    func allEntries(_ stream: String) async throws -> [StreamEntry] {
        var entries: [StreamEntry] = []
        while true {
            let more = try await store.entries(stream, after: entries.last?.id ?? .zero, limit: 1_000)
            if more.isEmpty { return entries }
            entries += more
        }
    }
}

/// How results are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// Prints a value as JSON.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
