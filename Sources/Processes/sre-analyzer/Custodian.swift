import Bus
import Foundation
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

    private let context: ProcessContext
    private let auditor: Ed25519Signer?

    /// Opens the auditor's key, when there is one.
    init(_ context: ProcessContext) throws {
        self.context = context
        auditor = try context.settings.audit.keyFile.map { path in
            try KeyFile.open(at: path) { context.configuration.environment["SRE_AUDITOR_PASSPHRASE"] ?? "" }
        }
        if auditor == nil {
            context.logger.warning(
                "audit.key_file is not set: a chain that is rewritten as a whole would go unnoticed")
        }
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
        let hour = 3_600_000.0
        while true {
            let streams = context.settings.streams
            let retention = Retention(
                .init(
                    observations: UInt64(streams.observationHours * hour),
                    records: UInt64(streams.retentionHours * hour), audit: UInt64(streams.auditDays * 24 * hour),
                    bytes: streams.maximumBytes, partitions: context.partitions),
                store: context.store, keys: context.keys)
            report(try await retention.sweep(now: UInt64(max(0, ProcessContext.now().rawValue))))
            try await ContinuousClock().sleep(for: .seconds(30))
        }
    }

    private func report(_ report: Retention.Report) {
        for (topic, count) in report.removed {
            context.metrics.count(
                "sre_entries_trimmed_total", ["topic": topic.rawValue], by: Double(count),
                help: "Entries removed because they were old.")
        }
        context.metrics.count(
            "sre_records_forgotten_total", by: Double(report.records),
            help: "Finished anomalies, incidents and plans removed because they were old.")
        context.metrics.count(
            "sre_observations_shed_total", by: Double(report.shed),
            help: "Observations removed before they were analysed, because their stream was too large.")
        guard report.shed > 0 else { return }
        context.logger.error(
            "observations were shed before they were analysed: the analyzers do not keep up",
            metadata: ["entries": "\(report.shed)", "see": "the topic 'gaps'"])
    }

    private func checkpoint(_ auditor: Ed25519Signer) async throws {
        let checkpointer = AuditCheckpointer(
            cluster: context.settings.cluster, partitions: context.partitions, store: context.store,
            keys: context.keys, signer: auditor)
        var known: [Int: Int64] = [:]
        while true {
            for signed in try await checkpointer.next(since: &known, now: ProcessContext.now()) {
                let line = String(decoding: try signed.canonicalJSON(), as: UTF8.self)
                print("audit-checkpoint \(line)")
                if let file = context.settings.audit.checkpointFile { try append(line, to: file) }
            }
            try await ContinuousClock().sleep(for: .seconds(context.settings.audit.checkpointSeconds))
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
