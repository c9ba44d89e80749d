import Bus
import Foundation
import RedisBus
import RedisClient
import TestSupport

/// The worker that the process proof starts, kills and stops: a process of its own.
package enum AdderWorker {
    /// Leases of the proofs: 600, 400 and 100 ms.
    static let timing = LeaseTiming(
        lease: .milliseconds(600), renewDeadline: .milliseconds(400), retry: .milliseconds(100))

    /// Works until the process ends.
    package static func run(redis url: String, name: String, partitions: Int) async throws {
        var configuration = try RedisConfiguration(url: url)
        configuration.commandTimeout = .seconds(1)
        configuration.initialBackoff = .milliseconds(10)
        configuration.maximumBackoff = .milliseconds(200)
        let client = RedisClient(configuration: configuration, logger: RedisServer.quiet)
        let store = RedisBus(client: client, logger: RedisServer.quiet)
        let keys = Keys()
        let worker = PartitionWorker(
            .init(
                role: AdderSession.role, inputs: [.observations], partitions: partitions, timing: timing, batch: 16,
                commit: 4, snapshotEvery: 20, attempts: 1_000),
            store: store, keys: keys, newOwner: { "\(name)-\(UUID().uuidString.lowercased())" }, observe: { _ in }
        ) { partition, lease in AdderSession(keys: keys, partition: partition, lease: lease) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await client.run() }
            group.addTask { await worker.run() }
            await group.waitForAll()
        }
    }
}
