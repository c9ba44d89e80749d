import Logging
import NIOCore
import Synchronization

/// Asks sentinels where the master is ("Guidelines for Redis clients with support for Redis Sentinel", steps 1 and 2).
///
/// The sentinel that answered last is asked first the next time. That the server really is the master is checked by
/// whoever connects to it (step 3).
final class SentinelResolver: Sendable {
    private let master: String
    private let configuration: RedisConfiguration
    private let group: any EventLoopGroup
    private let sentinels: Mutex<[RedisConfiguration.Endpoint]>

    init(
        master: String, sentinels: [RedisConfiguration.Endpoint], configuration: RedisConfiguration,
        group: any EventLoopGroup
    ) {
        self.master = master
        self.group = group
        self.sentinels = Mutex(sentinels)
        var own = configuration
        own.username = configuration.sentinelUsername
        own.password = configuration.sentinelPassword
        own.database = 0
        // One sentinel that hangs must not use up the time for asking the others.
        own.connectTimeout = min(configuration.connectTimeout, .seconds(1))
        self.configuration = own
    }

    /// Address of the master.
    ///
    /// - Throws: `RedisError` with the answers of all sentinels when none knows it.
    func locate() async throws(RedisError) -> RedisConfiguration.Endpoint {
        var reasons: [String] = []
        for sentinel in sentinels.withLock(\.self) {
            do throws(RedisError) {
                let endpoint = try await ask(sentinel)
                sentinels.withLock { sentinels in
                    sentinels.removeAll { $0 == sentinel }
                    sentinels.insert(sentinel, at: 0)
                }
                return endpoint
            } catch {
                reasons.append(error.message)
            }
        }
        throw RedisError(
            .connectFailed, "no sentinel knows the master '\(master)': \(reasons.joined(separator: "; "))")
    }

    private func ask(_ sentinel: RedisConfiguration.Endpoint) async throws(RedisError) -> RedisConfiguration.Endpoint {
        let connection = try await RedisConnection.connect(to: sentinel, configuration, on: group)
        let answer: RESPValue
        do throws(RedisError) {
            answer = try await connection.send(
                RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master), deadline: configuration.connectTimeout)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        guard let parts = answer.array, parts.count == 2, let host = parts[0].string, let port = parts[1].int,
            (1...65_535).contains(port)
        else { throw RedisError(.connectFailed, "\(sentinel): the master '\(master)' is unknown there") }
        return .tcp(host: host, port: Int(port))
    }
}
