import Bus
import Foundation
import Kubernetes
import Logging
import Model
import Runtime
import Settings
import Signatures
import Telemetry
import WireFormat

/// Looks after the streams: retention, the feed, and signed checkpoints of the audit.
///
/// Each duty has a lease of its own; one replica at a time does it.
struct Custodian: Sendable {
    private static let checkpointRole = "audit-checkpoints"
    /// A chain that has grown by so many entries is signed before its time.
    private static let earlyGrowth: Int64 = 100
    /// Seconds between two looks at the growth of the chains.
    private static let lookSeconds = 5.0

    private let context: ProcessContext
    private let auditor: Ed25519Signer?
    private let cluster: KubernetesCheckpoints?

    /// Opens the auditor's key, when there is one.
    init(_ context: ProcessContext) throws {
        self.context = context
        cluster = try Self.cluster(context)
        auditor = try context.settings.audit.keyFile.map { path in
            try KeyFile.open(at: path) { context.configuration.environment["SRE_AUDITOR_PASSPHRASE"] ?? "" }
        }
        if auditor == nil {
            context.logger.warning(
                "audit.key_file is not set: a chain that is rewritten as a whole would go unnoticed")
        }
    }

    private static func cluster(_ context: ProcessContext) throws -> KubernetesCheckpoints? {
        let settings = context.settings.kubernetes
        guard settings.isEnabled else { return nil }
        let access = try KubernetesAccess.configured(
            file: settings.kubeconfig, context: settings.context, environment: context.configuration.environment)
        return KubernetesCheckpoints(client: try KubernetesClient(access), namespace: settings.namespace)
    }

    /// Runs until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await keeper(Retention.role).run { _ in try await retain() } }
            group.addTask {
                let relay = FeedRelay(store: context.store, keys: context.keys, partitions: context.partitions)
                await keeper(FeedRelay.role).run { _ in try await relay.run() }
            }
            if let auditor {
                group.addTask { await keeper(Self.checkpointRole).run { _ in try await checkpoint(auditor) } }
            }
        }
    }

    private func keeper(_ role: String) -> LeaseKeeper {
        LeaseKeeper(
            store: context.store, key: context.keys.globalLease(role), timing: context.timing,
            newOwner: context.newOwner, observe: context.busObserver)
    }

    private func retain() async throws {
        while true {
            let retention = Retention(
                context.settings.streams.retention(partitions: context.partitions), store: context.store,
                keys: context.keys)
            report(try await retention.sweep(now: UInt64(max(0, ProcessContext.now().rawValue))))
            try await ContinuousClock().sleep(for: .seconds(30))
        }
    }

    private func report(_ report: Retention.Report) {
        for (topic, count) in report.removed {
            context.metrics.count(
                "sre_entries_trimmed_total", ["topic": topic.rawValue], by: Double(count),
                help: "Entries removed because they were old, or done and too many.")
        }
        context.metrics.count(
            "sre_records_forgotten_total", by: Double(report.records),
            help: "Finished anomalies, incidents and plans removed because they were old.")
        context.metrics.count(
            "sre_observations_shed_total", by: Double(report.shed),
            help: "Observations removed before they were analysed, because their stream was too large.")
        for topic in Topic.allCases {
            context.metrics.set(
                "sre_stream_overfull", ["topic": topic.rawValue], to: report.overfull.contains(topic) ? 1 : 0,
                help: "Whether a stream holds more than its bytes because its readers do not keep up.")
        }
        if !report.overfull.isEmpty {
            context.logger.warning(
                "streams are larger than their max_bytes, and what their readers have not done is never dropped",
                metadata: [
                    "topics": "\(report.overfull.map(\.rawValue).sorted().joined(separator: ", "))",
                    "see": "sre-agent streams",
                ])
        }
        guard report.shed > 0 else { return }
        context.logger.error(
            "observations were shed before they were analysed: the analyzers do not keep up",
            metadata: ["entries": "\(report.shed)", "see": "the topic 'gaps'"])
    }

    private func checkpoint(_ auditor: Ed25519Signer) async throws {
        var checkpointer = AuditCheckpointer(
            cluster: context.settings.cluster, partitions: context.partitions, store: context.store,
            keys: context.keys, digest: SHA256Digest(), signer: auditor, known: await known(auditor))
        var pending: [Int: String] = [:]
        let interval = Duration.seconds(context.settings.audit.checkpointSeconds)
        var due = ContinuousClock.now
        while true {
            let isDue = ContinuousClock.now >= due
            if isDue { due = ContinuousClock.now + interval }
            let round = try await checkpointer.next(growth: isDue ? 1 : Self.earlyGrowth, now: ProcessContext.now())
            round.losses.forEach(report)
            for signed in round.checkpoints {
                let line = String(decoding: try signed.canonicalJSON(), as: UTF8.self)
                print("audit-checkpoint \(line)")
                if let file = context.settings.audit.checkpointFile { try append(line, to: file) }
                if cluster != nil {
                    pending[try AuditCheckpoint(json: Array(signed.statement.utf8)).partition] = line
                }
            }
            if let cluster, await keep(pending, in: cluster) { pending = [:] }
            try await ContinuousClock().sleep(for: min(.seconds(Self.lookSeconds), interval))
        }
    }

    private func report(_ loss: AuditEpoch) {
        context.metrics.count(
            "sre_audit_losses_total", help: "Audit chains that no longer held what a checkpoint had seen.")
        context.logger.error(
            "an audit chain has lost entries, as a failover to a replica that was behind does, or somebody who can write",
            metadata: [
                "partition": "\(loss.partition)", "loss": "\(loss)", "recorded": "audit entry '\(AuditEpoch.action)'",
            ])
    }

    /// Checkpoints of earlier holders of this duty, from the file and the cluster; those that do not pass are left out.
    private func known(_ auditor: Ed25519Signer) async -> [AuditCheckpoint] {
        var sources: [(origin: String, text: String)] = []
        if let file = context.settings.audit.checkpointFile,
            let text = try? String(contentsOfFile: file, encoding: .utf8)
        {
            sources.append((file, text))
        }
        if let cluster {
            do {
                sources.append((KubernetesCheckpoints.name, try await cluster.kept().joined(separator: "\n")))
            } catch {
                context.logger.warning(
                    "earlier audit checkpoints could not be read from the cluster",
                    metadata: ["configmap": "\(KubernetesCheckpoints.name)", "reason": "\(error)"])
            }
        }
        let verifier = AuditVerifier(
            digest: SHA256Digest(), signatures: Ed25519Verifier(), auditors: [auditor.publicKey])
        var known: [AuditCheckpoint] = []
        for (origin, text) in sources {
            do {
                let exported = try AuditVerifier.Exported.lines(text, origin: origin)
                known += try verifier.checkpoints(exported, cluster: context.settings.cluster).values.flatMap { $0 }
            } catch {
                context.logger.warning("earlier audit checkpoints are not used", metadata: ["reason": "\(error)"])
            }
        }
        return known
    }

    /// - Returns: whether the checkpoints are there now; if not, they are due again the next time.
    private func keep(_ checkpoints: [Int: String], in cluster: KubernetesCheckpoints) async -> Bool {
        do {
            try await cluster.keep(checkpoints)
            return true
        } catch {
            context.metrics.count(
                "sre_audit_checkpoints_failed_total", help: "Attempts to put checkpoints into the cluster that failed.")
            context.logger.warning(
                "audit checkpoints could not be put into the cluster; they are tried again",
                metadata: ["configmap": "\(KubernetesCheckpoints.name)", "reason": "\(error)"])
            return false
        }
    }

    /// Adds a line and waits until it is on disk.
    private func append(_ line: String, to file: String) throws {
        if !FileManager.default.fileExists(atPath: file) {
            _ = FileManager.default.createFile(atPath: file, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data((line + "\n").utf8))
        try handle.synchronize()
    }
}
