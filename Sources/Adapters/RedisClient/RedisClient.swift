import Logging
import NIOCore
import NIOPosix

/// A client that stays connected while it runs: to one server, to the master behind Sentinel, or to a cluster.
///
/// Only commands that say that they are idempotent are ever sent a second time after their reply was lost.
package final class RedisClient: Sendable {
    private enum Servers: Sendable {
        case node(RedisNode)
        case cluster(RedisCluster)
    }

    /// Configuration it was made with.
    package let configuration: RedisConfiguration
    private let servers: Servers

    package init(
        configuration: RedisConfiguration,
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger
    ) {
        self.configuration = configuration
        func node(_ traits: RedisNode.Traits, _ locate: @escaping RedisNode.Locate) -> Servers {
            .node(
                RedisNode(
                    address: configuration.address, configuration: configuration, traits: traits,
                    group: eventLoopGroup, logger: logger, locate: locate))
        }
        switch configuration.topology {
        case .standalone(let endpoint): servers = node(.init()) { () async throws(RedisError) in endpoint }
        case .sentinel(let master, let sentinels):
            let resolver = SentinelResolver(
                master: master, sentinels: sentinels, configuration: configuration, group: eventLoopGroup)
            servers = node(.init(requiresMaster: true, resolver: resolver)) { () async throws(RedisError) in
                try await resolver.locate()
            }
        case .cluster(let seeds):
            servers = .cluster(
                RedisCluster(configuration: configuration, seeds: seeds, group: eventLoopGroup, logger: logger))
        }
    }

    /// Whether keys are spread over several nodes, so that one command may touch keys of one hash slot only.
    package var isCluster: Bool {
        if case .cluster = servers { return true }
        return false
    }

    /// Whether there is a live connection now.
    package var isConnected: Bool {
        switch servers {
        case .node(let node): node.isConnected
        case .cluster(let cluster): cluster.isConnected
        }
    }

    /// Keeps the connections alive until the task is cancelled; then closes everything.
    package func run() async {
        switch servers {
        case .node(let node): await node.run()
        case .cluster(let cluster): await cluster.run()
        }
    }

    /// Sends commands and returns their replies in order; errors of the server are values in the array.
    ///
    /// On one server they go out in one write. Waits for a connection within the deadline. When all commands are
    /// idempotent, a lost reply makes them be sent again, once for every new connection, within the deadline; others
    /// are never sent twice. A deadline of `nil` is the configured command timeout.
    package func pipeline(
        _ commands: [RedisCommand], deadline: Duration? = nil
    ) async throws(RedisError) -> [RESPValue] {
        let deadline = deadline ?? configuration.commandTimeout
        return switch servers {
        case .node(let node): try await node.pipeline(commands, deadline: deadline)
        case .cluster(let cluster): try await cluster.pipeline(commands, deadline: deadline)
        }
    }

    /// Sends one command; an error of the server is thrown.
    package func send(_ command: RedisCommand, deadline: Duration? = nil) async throws(RedisError) -> RESPValue {
        let reply = try await pipeline([command], deadline: deadline).first ?? .null
        if case .error(let error) = reply {
            throw RedisError(.server(error), "\(configuration.address): \(error.message)")
        }
        return reply
    }

    /// Sends one command to every master; an error of any of them is thrown.
    package func broadcast(_ command: RedisCommand, deadline: Duration? = nil) async throws(RedisError) -> [RESPValue] {
        let deadline = deadline ?? configuration.commandTimeout
        let replies =
            switch servers {
            case .node(let node): try await node.pipeline([command], deadline: deadline)
            case .cluster(let cluster): try await cluster.broadcast(command, deadline: deadline)
            }
        for case .error(let error) in replies {
            throw RedisError(.server(error), "\(configuration.address): \(error.message)")
        }
        return replies
    }

    /// Sends a command that the server may answer late, on a connection of its own.
    ///
    /// The timeout is how long the server may take; half of the command timeout is added for the way. A cancelled
    /// caller closes the connection, because the server goes on waiting.
    package func blocking(_ command: RedisCommand, timeout: Duration) async throws(RedisError) -> RESPValue {
        switch servers {
        case .node(let node): try await node.blocking(command, timeout: timeout)
        case .cluster(let cluster): try await cluster.blocking(command, timeout: timeout)
        }
    }
}
