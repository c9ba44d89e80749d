import ArgumentParser
import Authority
import Bus
import Decision
import Foundation
import Kubernetes
import Logging
import Model
import Runtime
import ServiceLifecycle
import Settings
import Signatures

/// Assesses risk and proposes plans for incidents.
@main
struct PlannerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-planner", abstract: "Assesses risk and proposes plans for incidents.",
        version: ProductVersion.current)

    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await ProcessRunner.run("sre-planner", options) { context in
            let signer = try Self.signer(context)
            let surveyor = try Self.surveyor(context)
            let probe: @Sendable (PlannerPoint) async throws -> Void = CrashSwitch.probe()
            let worker = PartitionWorker(
                .init(
                    role: PlannerSession.role, inputs: PlannerSession.inputs, partitions: context.partitions,
                    timing: context.timing, clock: { ProcessContext.now().rawValue }),
                store: context.store, keys: context.keys, newOwner: context.newOwner, observe: context.busObserver
            ) { partition, _ in
                PlannerSession(
                    partition: partition,
                    context: .init(
                        maker: { context.configuration.planMaker }, surveyor: surveyor, signer: signer,
                        digest: SHA256Digest(), now: ProcessContext.now, probe: probe),
                    store: context.store, keys: context.keys)
            }
            return [Worker { await worker.run() }]
        }
    }

    private static func surveyor(_ context: ProcessContext) throws -> any TargetSurveyor {
        let settings = context.settings.kubernetes
        guard settings.isEnabled else { return AbsentSurveyor() }
        let access = try KubernetesAccess.configured(
            file: settings.kubeconfig, context: settings.context, environment: context.configuration.environment)
        // Within a cluster the executor is the service account that the manifests name.
        let executor = access.tokenFile == nil ? nil : "system:serviceaccount:\(settings.namespace):sre-executor"
        return KubernetesSurveyor(client: try KubernetesClient(access), digest: SHA256Digest(), executor: executor)
    }

    private static func signer(_ context: ProcessContext) throws -> Ed25519Signer {
        guard let path = context.settings.plannerKeyFile else {
            throw StartRefused(
                "planner.key_file is not set; 'sre-approver keygen --service --out planner.key' makes one")
        }
        let signer = try KeyFile.open(at: path) {
            context.configuration.environment["SRE_PLANNER_PASSPHRASE"] ?? ""
        }
        if !context.configuration.policy.planners.contains(signer.publicKey) {
            context.logger.warning(
                "the policy does not list this planner's key, so no executor will accept its plans",
                metadata: ["public_key": "\(Data(signer.publicKey).base64EncodedString())"])
        }
        return signer
    }
}
