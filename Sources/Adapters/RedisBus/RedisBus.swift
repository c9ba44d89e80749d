import Bus
import Logging
import RedisClient

/// The bus on Redis: every operation is one call of a function of the library `sre_v1`.
///
/// The library is loaded when a server does not have it. A call whose reply was lost is repeated within its deadline
/// when a repetition is recognised by the function; others fail with an unknown outcome.
package struct RedisBus: BusStore {
    /// When a change that matters to people counts as done.
    package struct Durability: Sendable {
        /// So many replicas must have it; 0: the server's own disk is enough.
        package var replicas = 0
        /// How long to wait for them; default 100 ms.
        package var timeout: Duration = .milliseconds(100)

        package init(replicas: Int = 0, timeout: Duration = .milliseconds(100)) {
            self.replicas = replicas
            self.timeout = timeout
        }
    }

    let client: RedisClient
    private let durability: Durability
    private let logger: Logger

    /// Uses a client that somebody else runs.
    package init(client: RedisClient, durability: Durability = .init(), logger: Logger) {
        self.client = client
        self.durability = durability
        self.logger = logger
    }

    /// Calls a function whose arguments are at hand; a repetition of it must change nothing.
    func call(
        _ function: String, keys: [String], arguments: [[UInt8]], isReplicated: Bool = false
    ) async throws(BusError) -> Reply {
        var command = Self.command(function, keys: keys)
        for argument in arguments { command.append(argument) }
        return try await call(function, command, keys: keys, isReplicated: isReplicated)
    }

    /// Calls a function, loading the library first when it is missing.
    ///
    /// - Throws: `BusError` with the code `refused`, before anything is sent, when the keys are in several hash slots.
    func call(
        _ function: String, _ command: RedisCommand, keys: [String], isReplicated: Bool
    ) async throws(BusError) -> Reply {
        if client.isCluster, Set(keys.map(HashSlot.init(of:))).count > 1 {
            throw BusError(.refused, "\(function): its keys are in several hash slots: \(keys.joined(separator: " "))")
        }
        do {
            return try Reply(try await execute(command, function, isReplicated), function: function)
        } catch  where error.code == .refused && error.message.contains("Function not found") {
            try await loadLibrary()
            return try Reply(try await execute(command, function, isReplicated), function: function)
        }
    }

    /// The call of a function up to its arguments.
    static func command(_ function: String, keys: [String]) -> RedisCommand {
        var command = RedisCommand("FCALL", isIdempotent: true, key: keys.first)
        command.append("sre_v1_\(function)")
        command.append(keys.count)
        for key in keys { command.append(key) }
        return command
    }

    private func execute(
        _ command: RedisCommand, _ operation: String, _ isReplicated: Bool = false
    ) async throws(BusError) -> RESPValue {
        guard isReplicated, durability.replicas > 0 else {
            do {
                return try await client.send(command)
            } catch {
                throw BusError(error, during: operation)
            }
        }
        let milliseconds = max(1, Int64(durability.timeout / .milliseconds(1)))
        let wait = RedisCommand(
            "WAIT", arguments: ["\(durability.replicas)", "\(milliseconds)"].map { Array($0.utf8) },
            isIdempotent: true, key: command.key)
        let replies: [RESPValue]
        do {
            replies = try await client.pipeline([command, wait])
            if case .error(let error) = replies[0] {
                throw RedisError(.server(error), "\(client.configuration.address): \(error.message)")
            }
        } catch let error as RedisError {
            throw BusError(error, during: operation)
        } catch {
            throw BusError(.unavailable, "\(operation): \(error)", outcomeUnknown: true)
        }
        guard replies.count == 2, let reached = replies[1].int, reached >= Int64(durability.replicas) else {
            throw BusError(
                .unavailable,
                "\(operation): written, but not by \(durability.replicas) replicas within \(durability.timeout)",
                outcomeUnknown: true)
        }
        return replies[0]
    }

    /// Runs a command that only reads.
    ///
    /// Its first argument is the key, unless it has none.
    func query(_ name: String, _ arguments: [String], hasKey: Bool = true) async throws(BusError) -> RESPValue {
        let command = RedisCommand(
            name, arguments: arguments.map { Array($0.utf8) }, isIdempotent: true, key: hasKey ? arguments.first : nil)
        return try await execute(command, name)
    }

    /// Loads the function library of this version on every master, replacing an older revision of it.
    package func loadLibrary() async throws(BusError) {
        let code = PackageResources.sre_v1_lua
        do {
            _ = try await client.broadcast(
                RedisCommand(
                    "FUNCTION", arguments: [Array("LOAD".utf8), Array("REPLACE".utf8), code], isIdempotent: true))
        } catch {
            throw BusError(error, during: "FUNCTION LOAD")
        }
        logger.info("loaded the function library", metadata: ["library": "sre_v1"])
    }

    /// Runs the real path once: a call of a function that changes nothing, on every master.
    package func probe() async throws(BusError) { _ = try await revisions() }

    /// Makes sure that every master has at least this revision of the library.
    package func ensureLibrary() async throws(BusError) {
        do {
            if try await revisions().allSatisfy({ $0 >= Self.revision }) { return }
        } catch  where error.code == .refused && error.message.contains("Function not found") {
        }
        try await loadLibrary()
    }

    private func revisions() async throws(BusError) -> [Int64] {
        do {
            return try await client.broadcast(RedisCommand("FCALL", "sre_v1_version", "0", isIdempotent: true))
                .map { $0.int ?? 0 }
        } catch {
            throw BusError(error, during: "version")
        }
    }

    /// Revision of the embedded library; the same number stands in `sre_v1.lua`.
    static let revision: Int64 = 3
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
