import Bus
import Logging
import RedisClient

/// The bus on Redis: every operation is one call of a function of the library `sre_v1`.
///
/// The library is loaded when the server does not have it. A call whose reply was lost is not repeated here: the
/// callers' checks (positions, versions, sequences) show whether it was executed.
package struct RedisBus: BusStore {
    let client: RedisClient
    private let logger: Logger

    /// Uses a client that somebody else runs.
    package init(client: RedisClient, logger: Logger) {
        self.client = client
        self.logger = logger
    }

    /// Calls a function, loading the library first when it is missing.
    func call(_ function: String, keys: [String], arguments: [[UInt8]]) async throws(BusError) -> Reply {
        var argv: [[UInt8]] = [Array("sre_v1_\(function)".utf8), Array("\(keys.count)".utf8)]
        argv.reserveCapacity(2 + keys.count + arguments.count)
        argv += keys.map { Array($0.utf8) }
        argv += arguments
        let command = RedisCommand("FCALL", arguments: argv)
        do {
            return try Reply(try await execute(command, function), function: function)
        } catch  where error.code == .refused && error.message.contains("Function not found") {
            try await loadLibrary()
            return try Reply(try await execute(command, function), function: function)
        }
    }

    private func execute(_ command: RedisCommand, _ operation: String) async throws(BusError) -> RESPValue {
        do {
            return try await client.send(command)
        } catch {
            throw BusError(error, during: operation)
        }
    }

    /// Runs a command that only reads.
    func query(_ name: String, _ arguments: [String]) async throws(BusError) -> RESPValue {
        var command = RedisCommand(name, arguments: arguments.map { Array($0.utf8) })
        command.isIdempotent = true
        return try await execute(command, name)
    }

    /// Loads the function library of this version, replacing an older revision of it.
    package func loadLibrary() async throws(BusError) {
        let code = PackageResources.sre_v1_lua
        var command = RedisCommand("FUNCTION", arguments: [Array("LOAD".utf8), Array("REPLACE".utf8), code])
        command.isIdempotent = true
        _ = try await execute(command, "FUNCTION LOAD")
        logger.info("loaded the function library", metadata: ["library": "sre_v1"])
    }

    /// Runs the real path once: a call of a function that changes nothing.
    package func probe() async throws(BusError) {
        _ = try await execute(
            RedisCommand("FCALL", "sre_v1_version", "0", isIdempotent: true), "version")
    }

    /// Makes sure that the server has at least this revision of the library.
    package func ensureLibrary() async throws(BusError) {
        var command = RedisCommand("FCALL", arguments: [Array("sre_v1_version".utf8), Array("0".utf8)])
        command.isIdempotent = true
        do {
            if case .integer(let revision) = try await client.send(command), revision >= Self.revision { return }
        } catch  where error.isFunctionMissing {
        } catch {
            throw BusError(error, during: "version")
        }
        try await loadLibrary()
    }

    /// Revision of the embedded library; the same number stands in `sre_v1.lua`.
    static let revision: Int64 = 1
}

extension RedisError {
    var isFunctionMissing: Bool {
        guard case .server(let server) = code else { return false }
        return server.message.contains("Function not found")
    }
}

extension BusError {
    init(_ error: RedisError, during operation: String) {
        switch error.code {
        case .server(let server):
            let passing: Set<String> = ["LOADING", "READONLY", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "OOM"]
            self.init(
                passing.contains(server.code) ? .unavailable : .refused, "\(operation): \(error)")
        case .shutdown: self.init(.shutdown, "\(operation): \(error)", outcomeUnknown: error.outcomeUnknown)
        case .authenticationFailed: self.init(.refused, "\(operation): \(error)")
        default: self.init(.unavailable, "\(operation): \(error)", outcomeUnknown: error.outcomeUnknown)
        }
    }
}
