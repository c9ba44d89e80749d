import ArgumentParser
import Bus
import Foundation
import Logging
import Remediation
import Runtime
import ServiceLifecycle
import Settings
import Signatures

/// Carries out approved plans, verifies them and rolls them back.
@main
struct ExecutorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-executor", abstract: "Carries out approved plans, verifies them and rolls them back.",
        version: ProductVersion.current)

    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await ProcessRunner.run("sre-executor", options) { context in
            let world = try ExecutorWorld(context)
            let leader = LeaseKeeper(
                store: world.leases, key: world.leaderKey, timing: context.timing, newOwner: context.newOwner,
                observe: context.busObserver)
            var services = [
                Worker {
                    await leader.run { proof in
                        let session = world.session(holder: proof.owner, term: proof.token)
                        let worker = PartitionWorker(
                            .init(
                                role: ExecutorSession.role, inputs: ExecutorSession.inputs,
                                partitions: context.partitions, timing: context.timing,
                                isHeldBack: { context.installation.isHeldBack }),
                            store: context.store, keys: context.keys, newOwner: context.newOwner,
                            observe: context.busObserver
                        ) { partition, lease in
                            ExecutorSession(
                                partition: partition, lease: lease, context: session, store: context.store,
                                keys: context.keys)
                        }
                        await worker.run()
                    }
                }
            ]
            if let sweep = world.sweep { services.append(Worker { await sweep() }) }
            return services
        }
    }
}
