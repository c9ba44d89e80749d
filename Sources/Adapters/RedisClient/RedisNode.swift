import Logging
import NIOCore
import NIOPosix
import Synchronization

/// One server, or whichever server is the master now: stays connected while it runs.
///
/// Ordinary and blocking commands use separate connections.
final class RedisNode: Sendable {
    /// Finds the server; asked before every attempt to connect.
    typealias Locate = @Sendable () async throws(RedisError) -> RedisConfiguration.Endpoint

    /// What a node does that not every one does.
    struct Traits: Sendable {
        /// Only a master will do: the role is checked on connecting, and a server that became a replica is left.
        var requiresMaster = false
        /// Is asked now and then whether the master has moved: one that is cut off from the others does not know that
        /// it is none any more.
        var resolver: SentinelResolver?
        /// Idempotent commands are sent again on a new connection; a cluster decides that itself.
        var repeatsIdempotent = true
    }

    private struct State {
        var connection: RedisConnection?
        var waiters: [UInt64: CheckedContinuation<RedisConnection, any Error>] = [:]
        var nextWaiter: UInt64 = 0
        var idleBlocking: [RedisConnection] = []
        var lastFailure: RedisError?
        var isShutDown = false
    }

    /// The server, for messages.
    let address: String
    private let configuration: RedisConfiguration
    private let locate: Locate
    private let traits: Traits
    private let group: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State())

    init(
        address: String, configuration: RedisConfiguration, traits: Traits, group: any EventLoopGroup, logger: Logger,
        locate: @escaping Locate
    ) {
        self.address = address
        self.configuration = configuration
        self.traits = traits
        self.group = group
        self.logger = logger
        self.locate = locate
    }

    /// Whether there is a live connection now.
    var isConnected: Bool { state.withLock { $0.connection?.isOpen ?? false } }

    /// Keeps the connection alive until the task is cancelled or the node retired; then closes everything.
    func run() async {
        var machine = ReconnectStateMachine(
            initial: configuration.initialBackoff, maximum: configuration.maximumBackoff)
        while !isEnding {
            do {
                let connection = try await connect()
                if machine.failures > 0 {
                    logger.info("connected to Redis again", metadata: ["address": "\(connection.endpoint)"])
                }
                machine.connected()
                publish(connection)
                await stay(connection)
                state.withLock { $0.connection = nil }
                if isEnding { break }
                logger.warning("lost the connection to Redis", metadata: ["address": "\(connection.endpoint)"])
            } catch {
                state.withLock { $0.lastFailure = error }
                logger.warning("cannot connect to Redis", metadata: ["reason": "\(error)"])
            }
            try? await ContinuousClock().sleep(for: machine.lost(random: .random(in: 0..<1)))
        }
        await shutDown()
    }

    /// Returns when the connection is closed: by the other side, by a cancellation, or because the master has moved.
    private func stay(_ connection: RedisConnection) async {
        await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                if let resolver = traits.resolver {
                    group.addTask { await self.leave(connection, whenMovedAccordingTo: resolver) }
                }
                await connection.closed()
                group.cancelAll()
            }
        } onCancel: {
            Task { await connection.close() }
        }
    }

    private func leave(_ connection: RedisConnection, whenMovedAccordingTo resolver: SentinelResolver) async {
        while (try? await ContinuousClock().sleep(for: configuration.sentinelInterval)) != nil {
            guard let master = try? await resolver.locate(), master != connection.endpoint else { continue }
            logger.warning(
                "the sentinels name another master",
                metadata: ["before": "\(connection.endpoint)", "now": "\(master)"])
            return await connection.close()
        }
    }

    /// Ends ``run()`` of a node that is no longer needed.
    func retire() async {
        let connection = state.withLock { state in
            state.isShutDown = true
            return state.connection
        }
        await connection?.close()
    }

    private var isEnding: Bool { Task.isCancelled || state.withLock(\.isShutDown) }

    private func connect() async throws(RedisError) -> RedisConnection {
        let endpoint = try await locate()
        let connection = try await RedisConnection.connect(to: endpoint, configuration, on: group)
        guard traits.requiresMaster else { return connection }
        do throws(RedisError) {
            let role = try await connection.send(RedisCommand("ROLE"), deadline: configuration.connectTimeout)
            guard role.array?.first?.string == "master" else {
                throw RedisError(.connectFailed, "\(endpoint): is not the master (any more)")
            }
            return connection
        } catch {
            await connection.close()
            throw error
        }
    }

    private func publish(_ connection: RedisConnection) {
        let waiters = state.withLock { state in
            state.connection = connection
            state.lastFailure = nil
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(returning: connection) }
    }

    private func shutDown() async {
        let (connections, waiters) = state.withLock { state in
            state.isShutDown = true
            defer {
                state.connection = nil
                state.idleBlocking = []
                state.waiters = [:]
            }
            return (state.idleBlocking + (state.connection.map { [$0] } ?? []), Array(state.waiters.values))
        }
        for waiter in waiters { waiter.resume(throwing: RedisError(.shutdown, "the Redis client was shut down")) }
        for connection in connections { await connection.close() }
        await traits.resolver?.close()
    }

    /// Sends commands in one write; see ``RedisConnection/pipeline(_:deadline:)``.
    ///
    /// - Parameters:
    ///   - deadline: for connecting and answering together.
    ///   - patience: how long to wait for a connection; `nil`: as long as the deadline.
    func pipeline(
        _ commands: [RedisCommand], deadline: Duration, patience: Duration? = nil
    ) async throws(RedisError) -> [RESPValue] {
        let start = ContinuousClock.now
        while true {
            let left = deadline - start.duration(to: .now)
            let connection = try await connection(within: min(left, patience ?? left))
            do {
                let replies = try await connection.pipeline(commands, deadline: max(.milliseconds(1), left))
                guard traits.requiresMaster, replies.contains(where: \.isReadOnly) else { return replies }
                // The server has become a replica; what it refused was not executed.
                await connection.close()
                guard replies.allSatisfy(\.isReadOnly), start.duration(to: .now) < deadline else { return replies }
                try? await ContinuousClock().sleep(for: configuration.initialBackoff)
            } catch {
                let mayRepeat = !error.outcomeUnknown || commands.allSatisfy(\.isIdempotent)
                guard traits.repeatsIdempotent, error.code == .connectionClosed, mayRepeat,
                    start.duration(to: .now) < deadline
                else { throw error }
            }
            state.withLock { if $0.connection === connection { $0.connection = nil } }
        }
    }

    /// Sends a command that the server may answer late, on a connection of its own.
    ///
    /// - Parameter timeout: how long the server may take; half of the command timeout is added for the way. A
    ///   cancelled caller closes the connection, because the server goes on waiting.
    func blocking(_ command: RedisCommand, timeout: Duration) async throws(RedisError) -> RESPValue {
        let (idle, left) = state.withLock { state in
            // One to a server that was left is of no use, even if it is open.
            let current = state.connection?.endpoint
            let left = state.idleBlocking.filter { current != nil && $0.endpoint != current }
            state.idleBlocking.removeAll { connection in !connection.isOpen || left.contains { $0 === connection } }
            return (state.idleBlocking.popLast(), left)
        }
        for connection in left { await connection.close() }
        let connection: RedisConnection
        if let idle {
            connection = idle
        } else {
            connection = try await connect()
        }
        do {
            let reply = try await connection.send(command, deadline: timeout + configuration.commandTimeout / 2)
            await keep(connection)
            return reply
        } catch {
            if case .server = error.code { await keep(connection) } else { await connection.close() }
            throw error
        }
    }

    private func keep(_ connection: RedisConnection) async {
        let kept = state.withLock { state in
            guard !state.isShutDown, state.idleBlocking.count < 4 else { return false }
            state.idleBlocking.append(connection)
            return true
        }
        if !kept { await connection.close() }
    }

    private func connection(within patience: Duration) async throws(RedisError) -> RedisConnection {
        let known: RedisConnection? = state.withLock { state in
            guard let connection = state.connection, connection.isOpen else { return nil }
            return connection
        }
        if let known { return known }
        do {
            return try await withThrowingTaskGroup(of: RedisConnection.self) { group in
                group.addTask { try await self.nextConnection() }
                group.addTask {
                    try await ContinuousClock().sleep(for: max(.milliseconds(1), patience))
                    throw self.noConnection()
                }
                defer { group.cancelAll() }
                guard let connection = try await group.next() else { throw self.noConnection() }
                return connection
            }
        } catch let error as RedisError {
            throw error
        } catch {
            throw RedisError(.cancelled, "\(address): cancelled while waiting for a connection")
        }
    }

    private func noConnection() -> RedisError {
        let reason = state.withLock(\.lastFailure).map { ": \($0.message)" } ?? ""
        return RedisError(.connectFailed, "\(address): no connection\(reason)")
    }

    private func nextConnection() async throws -> RedisConnection {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enum Answer {
                    case wait
                    case connection(RedisConnection)
                    case failure(any Error)
                }
                let answer: Answer = state.withLock { state in
                    if state.isShutDown {
                        return .failure(RedisError(.shutdown, "the Redis client was shut down"))
                    }
                    if let connection = state.connection, connection.isOpen { return .connection(connection) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiters[id] = continuation
                    return .wait
                }
                switch answer {
                case .wait: break
                case .connection(let connection): continuation.resume(returning: connection)
                case .failure(let error): continuation.resume(throwing: error)
                }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }
}

extension RESPValue {
    /// Whether a replica refused to write.
    fileprivate var isReadOnly: Bool {
        if case .error(let error) = self { return error.code == "READONLY" }
        return false
    }
}
