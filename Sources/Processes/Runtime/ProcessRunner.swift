import ArgumentParser
import AsyncHTTPClient
import Authority
import Foundation
import Logging
import RedisClient
import ServiceLifecycle
import Settings
import Telemetry
import UnixSignals

/// From arguments to an exit code: configuration, telemetry, services, graceful end.
package enum ProcessRunner {
    /// Exit code of a process with a bad configuration (`EX_CONFIG` of sysexits.h).
    package static let badConfiguration: Int32 = 78

    /// Runs a process until it is told to stop; `services` makes those of the role, in dependency order.
    package static func run(
        _ name: String, _ options: CommonOptions,
        services: @Sendable (ProcessContext) throws -> [any Service]
    ) async throws {
        signal(SIGPIPE, SIG_IGN)
        Terminal.writeByLine()
        let configuration: LoadedConfiguration
        do {
            configuration = try LoadedConfiguration(file: options.config)
        } catch {
            FileHandle.standardError.write(Data("\(name): \(error)\n".utf8))
            throw ExitCode(badConfiguration)
        }
        if options.checkConfig {
            print(
                "\(options.config): ok (\(configuration.metrics.count) metrics, "
                    + "\(configuration.runbooks.count) runbooks, \(configuration.policy.approvers.count) approvers)")
            return
        }
        let logger = logger(name, options.logLevel ?? configuration.settings.logLevel)
        let context: ProcessContext
        do {
            context = try ProcessContext(name: name, configuration: configuration, logger: logger)
        } catch {
            FileHandle.standardError.write(Data("\(name): redis.url: \(error)\n".utf8))
            throw ExitCode(badConfiguration)
        }
        let ending: Result<Void, any Error>
        do {
            ending = .success(try await run(context, options, try services(context)))
        } catch let error as StartRefused {
            logger.critical("\(error)")
            ending = .failure(ExitCode(badConfiguration))
        } catch let error as SettingsError {
            FileHandle.standardError.write(Data("\(name): \(error)\n".utf8))
            ending = .failure(ExitCode(badConfiguration))
        } catch {
            ending = .failure(error)
        }
        try await context.http.shutdown()
        try ending.get()
    }

    private static func run(
        _ context: ProcessContext, _ options: CommonOptions, _ services: [any Service]
    ) async throws {
        let gate = StoreGate(context: context)
        var all: [any Service] = [
            RedisService(client: context.redis), ReloadService(context: context, options: options),
        ]
        if options.telemetryPort != 0 { all.append(TelemetryServer(context: context, port: options.telemetryPort)) }
        all.append(Gated(gate: gate, service: InstallationService(context: context)))
        all += services.map { Gated(gate: gate, service: $0) }
        var settings = ServiceGroupConfiguration(
            services: all.map {
                .init(
                    service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup)
            }, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(context.logger))
        settings.maximumGracefulShutdownDuration = .seconds(20)
        settings.maximumCancellationDuration = .seconds(5)
        context.logger.info(
            "starting",
            metadata: [
                "version": "\(ProductVersion.current)", "incarnation": "\(context.incarnation)",
                "redis": "\(RedisConfiguration.redacted(context.settings.redis.url))",
            ])
        try await ServiceGroup(configuration: settings).run()
        context.logger.info("stopped")
    }

    private static func logger(_ name: String, _ level: Logger.Level) -> Logger {
        let isTerminal = isatty(STDERR_FILENO) == 1
        let colors = isTerminal && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        let wantsText = isTerminal || ProcessInfo.processInfo.environment["SRE_LOG_FORMAT"] == "text"
        return Logger(label: name) { label in
            StructuredLogHandler(label: label, level: level, format: wantsText ? .text(colors: colors) : .json)
        }
    }

    /// The service group's own records matter only when something is wrong.
    private static func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(.warning, logger.logLevel)
        return quiet
    }
}

/// The process must not start; the message says what to change.
package struct StartRefused: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
