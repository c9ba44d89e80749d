import Logging
import NIOCore
import NIOPosix
import Synchronization

/// A client that stays connected while it runs; ordinary and blocking commands use separate connections.
package final class RedisClient: Sendable {
    private struct State {
        var connection: RedisConnection?
        var waiters: [UInt64: CheckedContinuation<RedisConnection, any Error>] = [:]
        var nextWaiter: UInt64 = 0
        var idleBlocking: [RedisConnection] = []
        var lastFailure: RedisError?
        var isShutDown = false
    }

    /// Configuration it was made with.
    package let configuration: RedisConfiguration
    private let group: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State())

    package init(
        configuration: RedisConfiguration,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger
    ) {
        self.configuration = configuration
        self.group = eventLoopGroup
        self.logger = logger
    }

    /// Whether there is a live connection now.
    package var isConnected: Bool { state.withLock { $0.connection?.isOpen ?? false } }

    /// Keeps the connection alive until the task is cancelled; then closes everything.
    package func run() async {
        var machine = ReconnectStateMachine(
            initial: configuration.initialBackoff, maximum: configuration.maximumBackoff)
        while !Task.isCancelled {
            do {
                let connection = try await RedisConnection.connect(configuration, on: group)
                if machine.failures > 0 {
                    logger.info("connected to Redis again", metadata: ["address": "\(configuration.endpoint)"])
                }
                machine.connected()
                publish(connection)
                await withTaskCancellationHandler {
                    await connection.closed()
                } onCancel: {
                    Task { await connection.close() }
                }
                state.withLock { $0.connection = nil }
                if Task.isCancelled { break }
                logger.warning("lost the connection to Redis", metadata: ["address": "\(configuration.endpoint)"])
            } catch {
                state.withLock { $0.lastFailure = error }
                logger.warning("cannot connect to Redis", metadata: ["reason": "\(error)"])
            }
            try? await ContinuousClock().sleep(for: machine.lost(random: .random(in: 0..<1)))
        }
        await shutDown()
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
    }

    /// Sends commands in one write; see ``RedisConnection/pipeline(_:deadline:)``.
    ///
    /// Waits for a connection within the deadline. When all commands are idempotent, a lost reply makes them be sent
    /// again, once for every new connection, within the deadline; other commands are never sent twice.
    package func pipeline(
        _ commands: [RedisCommand], deadline: Duration? = nil
    ) async throws(RedisError) -> [RESPValue] {
        let patience = deadline ?? configuration.commandTimeout
        let start = ContinuousClock.now
        while true {
            let left = patience - start.duration(to: .now)
            let connection = try await connection(within: left)
            do {
                return try await connection.pipeline(commands, deadline: max(.milliseconds(1), left))
            } catch {
                let mayRepeat = !error.outcomeUnknown || commands.allSatisfy(\.isIdempotent)
                guard error.code == .connectionClosed, mayRepeat, start.duration(to: .now) < patience else {
                    throw error
                }
                state.withLock { if $0.connection === connection { $0.connection = nil } }
            }
        }
    }

    /// Sends one command; an error of the server is thrown.
    package func send(_ command: RedisCommand, deadline: Duration? = nil) async throws(RedisError) -> RESPValue {
        let replies = try await pipeline([command], deadline: deadline)
        if case .error(let error) = replies[0] {
            throw RedisError(.server(error), "\(configuration.endpoint): \(error.message)")
        }
        return replies[0]
    }

    /// Sends a command that the server may answer late, on a connection of its own.
    ///
    /// - Parameter timeout: how long the server may take; half of the command timeout is added for the way. A
    ///   cancelled caller closes the connection, because the server goes on waiting.
    package func blocking(_ command: RedisCommand, timeout: Duration) async throws(RedisError) -> RESPValue {
        let idle: RedisConnection? = state.withLock { state in
            while let connection = state.idleBlocking.popLast() { if connection.isOpen { return connection } }
            return nil
        }
        let connection: RedisConnection
        if let idle {
            connection = idle
        } else {
            connection = try await RedisConnection.connect(configuration, on: group)
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
            throw RedisError(.cancelled, "\(configuration.endpoint): cancelled while waiting for a connection")
        }
    }

    private func noConnection() -> RedisError {
        let reason = state.withLock(\.lastFailure).map { ": \($0.message)" } ?? ""
        return RedisError(.connectFailed, "\(configuration.endpoint): no connection\(reason)")
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
