import AsyncHTTPClient
import Bus
import Foundation
import Logging
import Model
import NIOCore
import Prometheus
import RedisBus
import RedisClient
import Settings
import Signatures
import Synchronization
import Telemetry

/// What every process is made of.
package final class ProcessContext: Sendable {
    /// Name of the executable.
    package let name: String
    /// Unique id of this incarnation.
    package let incarnation: String
    package let logger: Logger
    package let metrics = MetricsRegistry()
    package let redis: RedisClient
    package let store: RedisBus
    package let keys: Keys
    package let http: HTTPClient
    /// Whether the database was lost.
    package let installation = InstallationWatch()
    private let loaded: Mutex<LoadedConfiguration>
    private let reloaders = Mutex<[@Sendable (LoadedConfiguration) throws -> @Sendable () -> Void]>([])
    private let listeners = Mutex<[UUID: AsyncStream<Void>.Continuation]>([:])
    private let checks = Mutex<[(name: String, check: @Sendable () async -> String?)]>([])

    init(name: String, configuration: LoadedConfiguration, logger: Logger) throws(RedisError) {
        self.name = name
        self.incarnation = "\(name)-\(UUID().uuidString.lowercased())"
        self.logger = logger
        self.loaded = Mutex(configuration)
        var redis = try RedisConfiguration(url: configuration.settings.redis.url)
        redis.clientName = name
        self.redis = RedisClient(configuration: redis, logger: logger)
        self.store = RedisBus(
            client: self.redis, durability: .init(replicas: configuration.settings.redis.replicas), logger: logger)
        self.keys = Keys(prefix: configuration.settings.redis.prefix)
        var settings = HTTPClient.Configuration()
        settings.timeout.connect = .seconds(5)
        // A refused connection is an answer; the callers' back-off decides when to try again.
        settings.connectionPool.retryConnectionEstablishment = false
        self.http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    /// The configuration in force.
    package var configuration: LoadedConfiguration { loaded.withLock { $0 } }

    /// Scalars in force.
    package var settings: Settings { configuration.settings }

    /// Takes part in reloads: the closure makes what it needs of a new configuration, or throws to refuse it.
    ///
    /// What it returns is called when every part has accepted.
    package func onReload(_ prepare: @escaping @Sendable (LoadedConfiguration) throws -> @Sendable () -> Void) {
        reloaders.withLock { $0.append(prepare) }
    }

    /// Takes a new configuration into use, when every part accepts it; all of it or nothing.
    func replace(_ configuration: LoadedConfiguration) throws {
        let apply = try reloaders.withLock(\.self).map { try $0(configuration) }
        loaded.withLock { $0 = configuration }
        for apply in apply { apply() }
        for listener in listeners.withLock(\.self).values { listener.yield() }
    }

    /// One element for every new configuration from now on; several in a row may become one.
    func reloads() -> AsyncStream<Void> {
        let id = UUID()
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        continuation.onTermination = { [weak self] _ in self?.listeners.withLock { $0[id] = nil } }
        listeners.withLock { $0[id] = continuation }
        return stream
    }

    /// Number of partitions.
    package var partitions: Int { settings.redis.partitions }

    /// Lease of a partition or shard.
    package var timing: LeaseTiming {
        let seconds = settings.redis.leaseSeconds
        return LeaseTiming(
            lease: .milliseconds(Int(seconds * 1_000)), renewDeadline: .milliseconds(Int(seconds * 660)),
            retry: .milliseconds(Int(seconds * 160)))
    }

    /// How much may wait in a stream.
    package var limits: AppendRequest.Limits {
        let streams = settings.streams
        let bytes = streams.limits[.observations]?.bytes ?? .max
        return .init(soft: streams.softLimit, hard: streams.hardLimit, bytes: bytes)
    }

    /// Wall clock.
    package static let now: @Sendable () -> Timestamp = {
        Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
    }

    /// Makes the unique id of a contender.
    package var newOwner: @Sendable () -> String {
        let name = name
        return { "\(name)-\(UUID().uuidString.lowercased())" }
    }

    /// Adds to what `/readyz` checks; the closure returns what is wrong, or `nil`.
    package func addReadiness(_ name: String, _ check: @escaping @Sendable () async -> String?) {
        checks.withLock { $0.append((name, check)) }
    }

    /// What is not ready, by name.
    package func problems() async -> [String: String] {
        var problems: [String: String] = [:]
        do {
            try await store.probe()
        } catch {
            problems["redis"] = "\(error)"
        }
        for (name, check) in checks.withLock({ $0 }) {
            if let problem = await check() { problems[name] = problem }
        }
        return problems
    }

    /// Prometheus as configured, with its readiness check.
    package func prometheus() -> PrometheusClient {
        let settings = settings.prometheus
        let client = PrometheusClient(
            url: settings.url, http: http, bearerTokenFile: settings.bearerTokenFile,
            timeoutSeconds: Int64(settings.timeoutSeconds))
        addReadiness("prometheus") { await client.isReady() ? nil : "\(client.address) does not answer" }
        return client
    }

    /// Turns what the bus has to tell into logs and metrics.
    package var busObserver: BusObserver {
        { [logger, metrics] event in
            switch event {
            case .leaseTaken(let key, let token):
                logger.debug("took a lease", metadata: ["lease": "\(key)", "token": "\(token)"])
                metrics.count("sre_leases_taken_total", help: "Leases taken.")
            case .leaseLost(let key):
                logger.warning("lost a lease; its work was stopped", metadata: ["lease": "\(key)"])
                metrics.count("sre_leases_lost_total", help: "Leases lost while work went on.")
            case .leaseReleased(let key): logger.debug("gave a lease back", metadata: ["lease": "\(key)"])
            case .storeUnavailable(let key, let reason):
                logger.debug("the store did not answer", metadata: ["lease": "\(key)", "reason": "\(reason)"])
                metrics.count("sre_store_errors_total", help: "Operations without an answer of the store.")
            case .committed(_, let entries):
                metrics.count("sre_entries_processed_total", by: Double(entries), help: "Entries processed.")
            case .setAside(let stream, let entry, let reason):
                logger.error(
                    "an entry cannot be read and was set aside",
                    metadata: ["stream": "\(stream)", "entry": "\(entry)", "reason": "\(reason)"])
                metrics.count("sre_entries_set_aside_total", help: "Entries moved to a dead-letter stream.")
            case .sessionFailed(let key, let reason):
                logger.warning(
                    "work on a partition ended with an error and is taken up again",
                    metadata: ["lease": "\(key)", "reason": "\(reason)"])
                metrics.count("sre_sessions_failed_total", help: "Sessions that ended with an error.")
            }
        }
    }
}
