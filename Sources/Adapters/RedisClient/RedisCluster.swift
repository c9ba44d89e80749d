import Logging
import NIOCore
import Synchronization

/// The masters of a Redis Cluster: sends each command to the node that serves its key, and follows when slots move.
final class RedisCluster: Sendable {
    private typealias Endpoint = RedisConfiguration.Endpoint

    private struct State {
        var map = ClusterMap()
        var nodes: [RedisConfiguration.Endpoint: RedisNode] = [:]
        var lastFailure: RedisError?
    }

    private enum Action {
        case run(RedisNode)
        case refresh
    }

    private let configuration: RedisConfiguration
    private let seeds: [RedisConfiguration.Endpoint]
    private let group: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State())
    private let actions: AsyncStream<Action>
    private let act: AsyncStream<Action>.Continuation
    private let refreshing: ClusterRefresh

    init(
        configuration: RedisConfiguration, seeds: [RedisConfiguration.Endpoint], group: any EventLoopGroup,
        logger: Logger
    ) {
        self.configuration = configuration
        self.seeds = seeds
        self.group = group
        self.logger = logger
        self.refreshing = ClusterRefresh()
        // As many as there are nodes, and one request to refresh at a time: bounded by what the machine does.
        (actions, act) = AsyncStream.makeStream(of: Action.self)
    }

    /// Whether at least one node is connected.
    var isConnected: Bool { state.withLock { Array($0.nodes.values) }.contains(where: \.isConnected) }

    /// Keeps the nodes connected and the map up to date until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            wantRefresh()
            for await action in actions {
                switch action {
                case .run(let node): group.addTask { await node.run() }
                case .refresh:
                    group.addTask {
                        await self.refresh()
                        self.refreshing.finished()
                    }
                }
            }
            group.cancelAll()
        }
        act.finish()
    }

    private func wantRefresh() { if refreshing.begins() { act.yield(.refresh) } }

    /// Asks the known nodes and the seeds for the map until one answers with a usable one.
    private func refresh() async {
        var machine = ReconnectStateMachine(
            initial: configuration.initialBackoff, maximum: min(.seconds(1), configuration.maximumBackoff))
        while !Task.isCancelled {
            for endpoint in state.withLock(\.map.nodes) + seeds {
                do throws(RedisError) {
                    let map = try await describe(endpoint)
                    guard !map.nodes.isEmpty else {
                        throw RedisError(.connectFailed, "\(endpoint): the cluster serves no slots")
                    }
                    await adopt(map)
                    return
                } catch {
                    state.withLock { $0.lastFailure = error }
                }
            }
            logger.warning(
                "no node describes the cluster",
                metadata: ["reason": "\(state.withLock(\.lastFailure)?.message ?? "")"])
            try? await ContinuousClock().sleep(for: machine.lost(random: .random(in: 0..<1)))
        }
    }

    private func describe(_ endpoint: RedisConfiguration.Endpoint) async throws(RedisError) -> ClusterMap {
        var own = configuration
        own.connectTimeout = min(configuration.connectTimeout, .seconds(1))
        let connection = try await RedisConnection.connect(to: endpoint, own, on: group)
        let reply: RESPValue
        do throws(RedisError) {
            reply = try await connection.send(RedisCommand("CLUSTER", "SLOTS"), deadline: own.connectTimeout)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        return try ClusterMap(reply, askedOf: endpoint.host)
    }

    private func adopt(_ map: ClusterMap) async {
        let retired = state.withLock { state in
            state.map = map
            let wanted = Set(map.nodes)
            let retired = state.nodes.filter { !wanted.contains($0.key) }
            for endpoint in retired.keys { state.nodes[endpoint] = nil }
            return Array(retired.values)
        }
        for endpoint in map.nodes { _ = node(at: endpoint) }
        for node in retired { await node.retire() }
        logger.debug("took over the map of the cluster", metadata: ["nodes": "\(map.nodes.count)"])
    }

    private func node(at endpoint: RedisConfiguration.Endpoint) -> RedisNode {
        state.withLock { state in
            if let node = state.nodes[endpoint] { return node }
            let node = RedisNode(
                address: "\(endpoint)", configuration: configuration, traits: .init(repeatsIdempotent: false),
                group: group, logger: logger, locate: { () async throws(RedisError) in endpoint })
            state.nodes[endpoint] = node
            act.yield(.run(node))
            return node
        }
    }

    /// Sends each command to its node; see ``RedisClient/pipeline(_:deadline:)``.
    func pipeline(_ commands: [RedisCommand], deadline: Duration) async throws(RedisError) -> [RESPValue] {
        guard commands.count > 1 else {
            guard let command = commands.first else { return [] }
            return [try await execute(command, deadline: deadline)]
        }
        let slots = Set(commands.map { $0.key.map(HashSlot.init(of:)) })
        let start = ContinuousClock.now
        if slots.count == 1, let slot = slots.first, let slot,
            let master = state.withLock({ $0.map.master(of: slot) })
        {
            let replies = try await node(at: master).pipeline(commands, deadline: deadline)
            var settled: [RESPValue] = []
            for (command, reply) in zip(commands, replies) {
                guard case .error(let error) = reply, Redirection(error, from: master.host) != nil else {
                    settled.append(reply)
                    continue
                }
                let left = deadline - start.duration(to: .now)
                settled.append(try await execute(command, deadline: max(.milliseconds(1), left)))
            }
            return settled
        }
        var replies: [RESPValue] = []
        for command in commands {
            let left = deadline - start.duration(to: .now)
            replies.append(try await execute(command, deadline: max(.milliseconds(1), left)))
        }
        return replies
    }

    /// Sends one command where it belongs, following redirections within the deadline.
    private func execute(_ command: RedisCommand, deadline: Duration) async throws(RedisError) -> RESPValue {
        let start = ContinuousClock.now
        var asked: RedisConfiguration.Endpoint?
        while true {
            let left = deadline - start.duration(to: .now)
            guard left > .zero else { throw unanswered(command) }
            let isAsking = asked != nil
            guard let endpoint = asked ?? target(of: command) else {
                wantRefresh()
                try await pause(command)
                continue
            }
            asked = nil
            let reply: RESPValue?
            do throws(RedisError) {
                let words = isAsking ? [RedisCommand("ASKING"), command] : [command]
                reply = try await node(at: endpoint)
                    .pipeline(words, deadline: left, patience: min(left, .milliseconds(500))).last
            } catch {
                wantRefresh()
                let mayRepeat = !error.outcomeUnknown || command.isIdempotent
                let isPassing = [.connectionClosed, .connectFailed].contains(error.code)
                guard mayRepeat, isPassing, start.duration(to: .now) < deadline else { throw error }
                try await pause(command)
                continue
            }
            guard case .error(let error) = reply else { return reply ?? .null }
            if let redirection = Redirection(error, from: endpoint.host) {
                if redirection.kind == .moved {
                    state.withLock { $0.map.moved(redirection.slot, to: redirection.endpoint) }
                    wantRefresh()
                } else {
                    asked = redirection.endpoint
                }
            } else if ["TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "LOADING"].contains(error.code) {
                // None of these executes the command.
                wantRefresh()
                try await pause(command)
            } else {
                return .error(error)
            }
        }
    }

    private func target(of command: RedisCommand) -> RedisConfiguration.Endpoint? {
        state.withLock { state in
            guard let key = command.key else { return state.map.nodes.first }
            return state.map.master(of: HashSlot(of: key))
        }
    }

    private func pause(_ command: RedisCommand) async throws(RedisError) {
        do {
            try await ContinuousClock().sleep(for: .milliseconds(50))
        } catch {
            throw RedisError(.cancelled, "\(configuration.address): cancelled while waiting for the cluster")
        }
    }

    private func unanswered(_ command: RedisCommand) -> RedisError {
        let reason = state.withLock(\.lastFailure).map { ": \($0.message)" } ?? ""
        return RedisError(
            .connectFailed, "\(configuration.address): no node of the cluster took \(command.name) in time\(reason)")
    }

    /// Sends a command to every master.
    func broadcast(_ command: RedisCommand, deadline: Duration) async throws(RedisError) -> [RESPValue] {
        let start = ContinuousClock.now
        while state.withLock(\.map.nodes).isEmpty {
            guard start.duration(to: .now) < deadline else { throw unanswered(command) }
            wantRefresh()
            try await pause(command)
        }
        var replies: [RESPValue] = []
        for endpoint in state.withLock(\.map.nodes) {
            let left = max(.milliseconds(1), deadline - start.duration(to: .now))
            replies += try await node(at: endpoint).pipeline([command], deadline: left)
        }
        return replies
    }

    /// Sends a command that the server may answer late to the node of its key.
    func blocking(_ command: RedisCommand, timeout: Duration) async throws(RedisError) -> RESPValue {
        guard let endpoint = target(of: command) else {
            wantRefresh()
            throw unanswered(command)
        }
        do {
            return try await node(at: endpoint).blocking(command, timeout: timeout)
        } catch {
            if case .server(let answer) = error.code, let redirection = Redirection(answer, from: endpoint.host) {
                state.withLock { $0.map.moved(redirection.slot, to: redirection.endpoint) }
            }
            wantRefresh()
            throw error
        }
    }
}

/// Lets one refresh of the map run at a time.
private final class ClusterRefresh: Sendable {
    private let isRunning = Mutex(false)

    /// Whether the caller has to start one.
    func begins() -> Bool {
        isRunning.withLock { isRunning in
            defer { isRunning = true }
            return !isRunning
        }
    }

    func finished() { isRunning.withLock { $0 = false } }
}

extension RedisConfiguration.Endpoint {
    /// Host of a TCP address; empty for a socket.
    var host: String {
        if case .tcp(let host, _) = self { return host }
        return ""
    }
}
