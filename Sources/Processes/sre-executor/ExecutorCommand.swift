import ArgumentParser
import Bus
import Foundation
import Kubernetes
import LocalCommand
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
            let session = ExecutorSession.Context(
                verifier: { context.configuration.verifier }, targets: try Self.targets(context),
                metrics: MetricCurrent(source: context.prometheus()) { context.configuration },
                digest: SHA256Digest(), now: ProcessContext.now, logger: context.logger)
            let worker = PartitionWorker(
                .init(
                    role: ExecutorSession.role, inputs: ExecutorSession.inputs, partitions: context.partitions,
                    timing: context.timing, isHeldBack: { context.installation.isHeldBack }),
                store: context.store, keys: context.keys, newOwner: context.newOwner, observe: context.busObserver
            ) { partition, lease in
                ExecutorSession(
                    partition: partition, lease: lease, context: session, store: context.store, keys: context.keys)
            }
            let leader = LeaseKeeper(
                store: context.store, key: context.keys.globalLease(ExecutorSession.role), timing: context.timing,
                newOwner: context.newOwner, observe: context.busObserver)
            return [Worker { await leader.run { _ in await worker.run() } }]
        }
    }

    /// The file that is configured, else `$KUBECONFIG`, else the pod's service account, else `~/.kube/config`.
    private static func access(_ context: ProcessContext) throws -> KubernetesAccess {
        let environment = context.configuration.environment
        let settings = context.settings.kubernetes
        if let file = settings.kubeconfig ?? environment["KUBECONFIG"] {
            return try .kubeconfig(file, context: settings.context)
        }
        if let access = KubernetesAccess.inCluster(environment: environment) { return access }
        return try .kubeconfig(NSHomeDirectory() + "/.kube/config", context: settings.context)
    }

    private static func targets(_ context: ProcessContext) throws -> [any ActionTarget] {
        var targets: [any ActionTarget] = []
        targets.append(CommandTarget { context.configuration.commands })
        if context.settings.kubernetes.isEnabled {
            targets.append(DeploymentTarget(client: try KubernetesClient(try access(context))))
        }
        return targets
    }
}
