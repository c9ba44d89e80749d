import Bus
import Foundation
import Kubernetes
import LocalCommand
import Logging
import Model
import RedisBus
import Remediation
import Runtime
import Settings
import Signatures

/// What an executor acts on and relies on: Kubernetes where it is configured, else this host and the store.
struct ExecutorWorld: Sendable {
    private let context: ProcessContext
    private let targets: [any ActionTarget]
    private let metrics: any MetricReader
    private let claims: any ClaimStore
    private let clocks: ClockPanel
    private let brake: Brake
    private let interruptions = Interruptions()
    /// Where leadership is decided.
    let leases: any LeaseAuthority
    /// Name of the lease of leadership.
    let leaderKey: String
    /// Removes claims that nothing depends on any more, until cancelled; `nil` where there is nothing to remove.
    let sweep: (@Sendable () async -> Void)?

    init(_ context: ProcessContext) throws {
        self.context = context
        let store = context.store
        var clocks = [
            ClockPanel.Clock("this host") { ProcessContext.now() },
            ClockPanel.Clock("Redis") { try await store.serverTime() },
        ]
        let freeze = FreezeSwitch(store: store, keys: context.keys).brake
        metrics = MetricCurrent(source: context.prometheus()) { context.configuration }
        var targets: [any ActionTarget] = [
            CommandTarget { context.configuration.commands },
            NoticeTarget(
                store: store, keys: context.keys, partitions: context.partitions, now: ProcessContext.now),
        ]
        let settings = context.settings.kubernetes
        if settings.isEnabled {
            let access = try KubernetesAccess.configured(
                file: settings.kubeconfig, context: settings.context, environment: context.configuration.environment)
            let client = try KubernetesClient(access)
            targets += [ObjectTarget(client: client, digest: SHA256Digest()), PodTarget(client: client)]
            clocks.append(ClockPanel.Clock("Kubernetes") { try await client.time() })
            let claims = KubernetesClaims(client: client, namespace: settings.namespace)
            self.claims = claims
            leases = KubernetesLeases(client: client, namespace: settings.namespace)
            leaderKey = "sre-executor"
            let switchboard = KubernetesFreeze(client: client, namespace: settings.namespace).brake
            brake = { if let reason = await freeze() { reason } else { await switchboard() } }
            let logger = context.logger
            sweep = { await Self.sweep(claims, logger) }
        } else {
            claims = StoreClaims(store: store, keys: context.keys, partitions: context.partitions)
            leases = store
            leaderKey = context.keys.globalLease(ExecutorSession.role)
            brake = freeze
            sweep = nil
        }
        self.targets = targets
        self.clocks = ClockPanel(clocks)
    }

    /// What a session works with under one leadership.
    func session(holder: String, term: Int64) -> ExecutorSession.Context {
        let context = context
        return ExecutorSession.Context(
            verifier: { context.configuration.verifier }, targets: targets, metrics: metrics, claims: claims,
            holder: holder, term: term, concurrency: context.settings.executor.concurrency,
            interruptions: interruptions, clocks: clocks,
            brake: brake, digest: SHA256Digest(),
            now: ProcessContext.now, probe: CrashSwitch.probe(), logger: context.logger)
    }

    private static func sweep(_ claims: KubernetesClaims, _ logger: Logger) async {
        while !Task.isCancelled {
            do {
                let removed = try await claims.sweep(now: ProcessContext.now())
                if removed > 0 { logger.info("removed old claims", metadata: ["claims": "\(removed)"]) }
            } catch {
                logger.debug("old claims could not be removed", metadata: ["reason": "\(error)"])
            }
            try? await ContinuousClock().sleep(for: .seconds(3_600))
        }
    }
}
