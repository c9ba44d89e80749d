import Foundation
import Logging
import RedisBus
import RedisClient

/// A private redis-server on a unix socket in a folder of its own.
package final class RedisServer: Sendable {
    package let folder: String
    private let isKept: Bool
    private let process: ServerProcess

    package var url: String { "unix://\(folder)/redis.sock" }

    /// Starts a server and waits until it accepts connections.
    ///
    /// - Parameters:
    ///   - arguments: further arguments of redis-server.
    ///   - folder: where its socket and data are; default one of its own.
    ///   - isKept: whether the folder outlives the server.
    package init(
        _ arguments: [String] = ["--appendonly", "yes"], folder: String? = nil, isKept: Bool = false
    ) throws {
        let folder = try folder ?? TestHost.folder("sre")
        self.folder = folder
        self.isKept = isKept
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        process = try ServerProcess(
            "/usr/bin/redis-server",
            ["--port", "0", "--unixsocket", "\(folder)/redis.sock", "--dir", folder, "--save", ""] + arguments,
            readyMark: "eady to accept connections")
    }

    /// Kills the server at once.
    package func end() { process.end() }

    /// Starts it again, with the data that it had.
    package func start() throws { try process.start() }

    /// Sends the server a signal.
    package func signal(_ number: Int32) { process.signal(number) }

    deinit {
        process.end()
        if !isKept { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// A client of the server.
    package func client() throws -> RedisClient {
        RedisClient(configuration: try RedisConfiguration(url: url), logger: Self.quiet)
    }

    /// Runs `body` with a connected client, and ends it.
    @discardableResult
    package func use<Result>(
        _ body: (RedisClient, RedisBus) async throws -> Result
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
