import Foundation
import Logging
import RedisBus
import RedisClient

/// A private redis-server on a unix socket in a folder of its own.
package final class RedisServer: Sendable {
    package let folder: String
    private let process: Process

    package var url: String { "unix://\(folder)/redis.sock" }

    /// Starts a server and waits until it accepts connections.
    ///
    /// - Parameter folder: where its socket and data are; default one of its own.
    package init(_ arguments: [String] = ["--appendonly", "yes"], folder: String? = nil) throws {
        self.folder = folder ?? NSTemporaryDirectory() + "sre-\(UUID().uuidString.prefix(8))"
        let folder = self.folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/redis-server")
        process.arguments =
            ["--port", "0", "--unixsocket", "\(folder)/redis.sock", "--dir", folder, "--save", ""]
            + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var log = Data()
        while !String(decoding: log, as: UTF8.self).lowercased().contains("ready to accept connections") {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw CocoaError(.executableLoad) }
            log += more
        }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// A client of the server.
    package func client() throws -> RedisClient {
        RedisClient(configuration: try RedisConfiguration(url: url), logger: Self.quiet)
    }

    /// Runs `body` with a connected client, and ends it.
    @discardableResult
    package func use<Result: Sendable>(
        _ body: @Sendable (RedisClient, RedisBus) async throws -> Result
    ) async throws -> Result {
        let client = try client()
        let running = Task { await client.run() }
        defer { running.cancel() }
        return try await body(client, RedisBus(client: client, logger: Self.quiet))
    }

    /// A logger that says nothing.
    package static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }
}
