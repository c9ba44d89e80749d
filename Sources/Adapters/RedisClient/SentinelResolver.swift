import Logging
import NIOCore
import Synchronization

/// Asks sentinels where the master is ("Guidelines for Redis clients with support for Redis Sentinel", steps 1 and 2).
///
/// All are asked at once, and the newest configuration that a majority of them tells counts: a sentinel that is cut off
/// together with an old master goes on naming it. That the server really is the master is checked by whoever connects
/// to it (step 3).
final class SentinelResolver: Sendable {
    /// What one sentinel says.
    struct Answer: Sendable, Equatable {
        var endpoint: RedisConfiguration.Endpoint
        /// Grows with every failover.
        var epoch: Int64
    }

    private let master: String
    private let configuration: RedisConfiguration
    private let group: any EventLoopGroup
    private let sentinels: [RedisConfiguration.Endpoint]
    /// Kept open, since they are asked again and again.
    private let connections = Mutex<[RedisConfiguration.Endpoint: RedisConnection]>([:])

    init(
        master: String, sentinels: [RedisConfiguration.Endpoint], configuration: RedisConfiguration,
        group: any EventLoopGroup
    ) {
        self.master = master
        self.group = group
        self.sentinels = sentinels
        var own = configuration
        own.username = configuration.sentinelUsername
        own.password = configuration.sentinelPassword
        own.database = 0
        // One sentinel that hangs must not use up the time of whoever waits for the answer.
        own.connectTimeout = min(configuration.connectTimeout, .seconds(1))
        self.configuration = own
    }

    /// Address of the master.
    ///
    /// - Throws: `RedisError` with the answers of all sentinels when none knows it.
    func locate() async throws(RedisError) -> RedisConfiguration.Endpoint {
        let results = await withTaskGroup(of: Result<Answer, RedisError>.self) { group in
            for sentinel in sentinels {
                group.addTask {
                    do throws(RedisError) { return .success(try await self.ask(sentinel)) } catch {
                        return .failure(error)
                    }
                }
            }
            var results: [Result<Answer, RedisError>] = []
            while let result = await group.next() {
                results.append(result)
                // One of a majority took part in the newest failover, whatever the others would say.
                if results.count(where: \.isAnswer) > sentinels.count / 2 { group.cancelAll() }
            }
            return results
        }
        if let newest = Self.newest(of: results.compactMap { try? $0.get() }) { return newest }
        let reasons = results.compactMap { if case .failure(let error) = $0 { error.message } else { nil } }
        throw RedisError(
            .connectFailed,
            "no sentinel knows the master '\(master)': \(reasons.sorted().joined(separator: "; "))")
    }

    /// The master of the newest configuration; of equally new ones, the one that most sentinels name.
    static func newest(of answers: [Answer]) -> RedisConfiguration.Endpoint? {
        func votes(_ answer: Answer) -> Int { answers.count { $0 == answer } }
        return answers.max { ($0.epoch, votes($0)) < ($1.epoch, votes($1)) }?.endpoint
    }

    private func ask(_ sentinel: RedisConfiguration.Endpoint) async throws(RedisError) -> Answer {
        let connection = try await connection(to: sentinel)
        let reply: RESPValue
        do throws(RedisError) {
            reply = try await connection.send(
                RedisCommand("SENTINEL", "MASTER", master), deadline: configuration.connectTimeout)
        } catch {
            if case .server = error.code { throw error }
            connections.withLock { if $0[sentinel] === connection { $0[sentinel] = nil } }
            await connection.close()
            throw error
        }
        var fields: [String: RESPValue] = [:]
        let words = reply.array ?? []
        for index in stride(from: 0, to: words.count - 1, by: 2) {
            fields[words[index].string ?? ""] = words[index + 1]
        }
        guard let host = fields["ip"]?.string, let port = fields["port"]?.int, (1...65_535).contains(port),
            let epoch = fields["config-epoch"]?.int
        else { throw RedisError(.connectFailed, "\(sentinel): the master '\(master)' is unknown there") }
        return Answer(endpoint: .tcp(host: host, port: Int(port)), epoch: epoch)
    }

    private func connection(to sentinel: RedisConfiguration.Endpoint) async throws(RedisError) -> RedisConnection {
        if let known = connections.withLock({ $0[sentinel] }), known.isOpen { return known }
        let connection = try await RedisConnection.connect(to: sentinel, configuration, on: group)
        let former = connections.withLock { connections in
            defer { connections[sentinel] = connection }
            return connections[sentinel]
        }
        await former?.close()
        return connection
    }

    /// Closes the connections to the sentinels.
    func close() async {
        let open = connections.withLock { connections in
            defer { connections = [:] }
            return Array(connections.values)
        }
        for connection in open { await connection.close() }
    }
}

extension Result {
    fileprivate var isAnswer: Bool { if case .success = self { true } else { false } }
}
