import Bus
import Foundation
import Logging
import RedisBus
import RedisClient
import ServiceLifecycle
import Settings
import Telemetry
import UnixSignals

/// Keeps the Redis client connected.
struct RedisService: Service {
    let client: RedisClient

    func run() async throws {
        await cancelWhenGracefulShutdown { await client.run() }
    }
}

/// Opens when Redis answers, is safe to use and has the function library.
actor StoreGate {
    private let context: ProcessContext
    private var opening: Task<Void, any Error>?

    init(context: ProcessContext) { self.context = context }

    /// Returns when the store can be used.
    ///
    /// - Throws: `StartRefused` when the store is there and must not be used.
    func pass() async throws {
        let context = context
        let opening = opening ?? Task { try await Self.open(context) }
        self.opening = opening
        try await withTaskCancellationHandler {
            try await opening.value
        } onCancel: {
            opening.cancel()
        }
    }

    private static func open(_ context: ProcessContext) async throws {
        var backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(5))
        while true {
            try Task.checkCancellation()
            do throws(BusError) {
                try await context.store.checkSafety(allowVolatile: context.settings.redis.allowVolatile)
                try await context.store.ensureLibrary()
                return
            } catch  where error.code == .unsafe || error.code == .refused {
                throw StartRefused(error.message)
            } catch {
                context.logger.warning(
                    "waiting for Redis", metadata: ["reason": "\(error)"])
            }
            try await ContinuousClock().sleep(for: backoff.next(random: .random(in: 0..<1)))
        }
    }
}

/// A service that starts when the store can be used.
struct Gated: Service {
    let gate: StoreGate
    let service: any Service

    func run() async throws {
        let isOpen = try await cancelWhenGracefulShutdown {
            do {
                try await gate.pass()
                return true
            } catch is CancellationError {
                return false
            }
        }
        if isOpen { try await service.run() }
    }
}

/// A service made of a closure, which is cancelled when the process is told to stop.
package struct Worker: Service {
    private let body: @Sendable () async throws -> Void

    package init(_ body: @escaping @Sendable () async throws -> Void) { self.body = body }

    /// Work that is ended and begun anew whenever a new configuration is taken into use.
    package static func restartingOnReload(
        _ context: ProcessContext, _ body: @escaping @Sendable () async throws -> Void
    ) -> Worker {
        Worker {
            let reloads = context.reloads()
            while !Task.isCancelled {
                let hasChanged = try await withThrowingTaskGroup(of: Bool.self) { group in
                    group.addTask {
                        try await body()
                        return false
                    }
                    group.addTask {
                        for await _ in reloads { return true }
                        return false
                    }
                    defer { group.cancelAll() }
                    return try await group.next() ?? false
                }
                guard hasChanged else { return }
            }
        }
    }

    package func run() async throws { try await cancelWhenGracefulShutdown { try await body() } }
}

/// Reads the configuration again on SIGHUP; a bad one is refused and the old one stays.
struct ReloadService: Service {
    let context: ProcessContext
    let options: CommonOptions

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) { reload() }
        }
    }

    private func reload() {
        do {
            let old = context.settings
            let new = try LoadedConfiguration(file: options.config)
            try context.replace(new)
            context.logger.info("took the new configuration into use")
            let fixed = old.needingRestart(against: new.settings)
            if !fixed.isEmpty {
                context.logger.warning(
                    "some changes need a restart of the process", metadata: ["keys": "\(fixed.joined(separator: ", "))"]
                )
            }
            context.metrics.set(
                "sre_config_last_reload_successful", to: 1, help: "Whether the last reload was accepted.")
        } catch {
            context.logger.error(
                "the new configuration is refused, the old one stays", metadata: ["reason": "\(error)"])
            context.metrics.set(
                "sre_config_last_reload_successful", to: 0, help: "Whether the last reload was accepted.")
        }
    }
}
