import Model
import WireFormat

/// Signs the heads of all chains, and records in a chain what it has lost.
///
/// The newest checkpoints of each chain are remembered. A chain that no longer holds the newest one was truncated or
/// rewritten, as by a failover to a replica that was behind: an entry `audit.epoch` with a signed `AuditEpoch` then
/// says what is missing, before the chain is signed again.
package struct AuditCheckpointer: Sendable {
    /// What a round has brought.
    package struct Round: Sendable {
        /// Checkpoints of the chains that have changed.
        package var checkpoints: [SignedStatement] = []
        /// Losses that were noticed and written into their chains.
        package var losses: [AuditEpoch] = []
    }

    /// Checkpoints of a chain that are remembered.
    private static let remembered = 64
    /// Entries that are read back at most; what lies further back is left to ``AuditVerifier``.
    private static let reach = 20_000
    /// Attempts to add an entry to a chain that others add to.
    private static let attempts = 20

    private let cluster: String
    private let partitions: Int
    private let store: any BusStore
    private let keys: Keys
    private let digest: any Digest
    private let signer: any Signer
    /// Oldest first, by partition.
    private var anchors: [Int: [AuditCheckpoint]]

    /// - Parameters:
    ///   - cluster: name of the installation.
    ///   - partitions: how many chains there are.
    ///   - store: where the chains are.
    ///   - keys: names them.
    ///   - digest: hashes entries.
    ///   - signer: the auditor's key.
    ///   - known: checkpoints from before, whose signatures were verified, in any order.
    package init(
        cluster: String, partitions: Int, store: any BusStore, keys: Keys, digest: any Digest, signer: any Signer,
        known: [AuditCheckpoint] = []
    ) {
        self.cluster = cluster
        self.partitions = partitions
        self.store = store
        self.keys = keys
        self.digest = digest
        self.signer = signer
        anchors = [:]
        for checkpoint in known.sorted(by: { ($0.time, $0.sequence) < ($1.time, $1.sequence) })
        where checkpoint.cluster == cluster {
            remember(checkpoint)
        }
    }

    private mutating func remember(_ checkpoint: AuditCheckpoint) {
        anchors[checkpoint.partition, default: []].append(checkpoint)
        if let count = anchors[checkpoint.partition]?.count, count > Self.remembered {
            anchors[checkpoint.partition]?.removeFirst(count - Self.remembered)
        }
    }

    /// Looks at every chain once.
    ///
    /// - Parameters:
    ///   - growth: entries by which a chain must have grown to be signed again, at least 1.
    ///   - now: time of the checkpoints.
    package mutating func next(growth: Int64 = 1, now: Timestamp) async throws -> Round {
        var round = Round()
        for partition in Partition.all(count: partitions) {
            var head = try await head(of: partition)
            if let anchor = anchors[partition.rawValue]?.last, anchor.sequence > 0 {
                if head.sequence == anchor.sequence, head.hash == anchor.hash { continue }
                if head.sequence > anchor.sequence, head.sequence - anchor.sequence < growth { continue }
                let passed = try await entries(of: partition, from: anchor.sequence, to: head.sequence)
                if !holds(anchor, passed, upTo: head.sequence) {
                    let loss = try await record(anchor, in: partition, found: head.sequence, now: now)
                    round.losses.append(loss)
                    anchors[partition.rawValue]?.removeAll { loss.covers($0) }
                    head = try await self.head(of: partition)
                }
            }
            guard head.sequence > 0, anchors[partition.rawValue] != nil || head.sequence >= growth else { continue }
            let checkpoint = AuditCheckpoint(
                cluster: cluster, partition: partition.rawValue, sequence: head.sequence, hash: head.hash, time: now)
            round.checkpoints.append(try sign(try checkpoint.canonicalJSON()))
            remember(checkpoint)
        }
        return round
    }

    private func head(of partition: Partition) async throws -> (sequence: Int64, hash: String) {
        let fields = try await store.fields(keys.auditHead(partition))
        func text(_ name: String) -> String? { fields[name].map { String(decoding: $0, as: UTF8.self) } }
        guard let sequence = text("seq").flatMap({ Int64($0) }), let hash = text("hash") else {
            return (0, AuditChain.origin)
        }
        return (sequence, hash)
    }

    /// Hashes of the entries from a sequence on, as far as they are within reach.
    private func entries(
        of partition: Partition, from first: Int64, to last: Int64
    ) async throws -> [Int64: String] {
        guard last >= first else { return [:] }
        // Others add entries while this is read.
        let limit = Int(min(Int64(Self.reach), last - first + 64))
        var hashes: [Int64: String] = [:]
        for stored in try await store.newestEntries(keys.stream(.audit, partition), limit: limit) {
            // What cannot be read is no entry of the chain.
            guard let entry: AuditEntry = try? Envelope(stored).decode(), let json = try? entry.canonicalJSON() else {
                continue
            }
            hashes[entry.sequence] = digest.sha256(json)
        }
        return hashes
    }

    /// Whether a chain holds a checkpoint; what was removed because it was old, or is out of reach, counts as held.
    private func holds(_ anchor: AuditCheckpoint, _ hashes: [Int64: String], upTo last: Int64) -> Bool {
        guard anchor.sequence <= last else { return false }
        guard let hash = hashes[anchor.sequence] else { return hashes.keys.min() ?? 0 > anchor.sequence }
        return hash == anchor.hash
    }

    private func record(
        _ lost: AuditCheckpoint, in partition: Partition, found: Int64, now: Timestamp
    ) async throws -> AuditEpoch {
        let older = (anchors[partition.rawValue] ?? []).filter { $0.sequence < lost.sequence && $0.sequence > 0 }
        let hashes = try await entries(of: partition, from: older.map(\.sequence).min() ?? 1, to: found)
        let kept = older.filter { hashes[$0.sequence] == $0.hash }.map(\.sequence).max() ?? 0
        let loss = AuditEpoch(
            cluster: cluster, partition: partition.rawValue, anchoredSequence: lost.sequence, anchoredHash: lost.hash,
            keptSequence: kept, foundSequence: found, time: now)
        let signed = try sign(try loss.canonicalJSON())
        let chain = AuditChain(keys: keys, digest: digest)
        for _ in 0..<Self.attempts {
            let link = try await chain.next(
                in: partition, store: store, time: now, actor: "sre-analyzer", action: AuditEpoch.action,
                subject: "partition \(partition.rawValue)",
                detail: [AuditEpoch.detail: String(decoding: try signed.canonicalJSON(), as: UTF8.self)],
                trace: TraceContext(seed: "\(partition.tag)-\(lost.hash)"))
            if case .committed = try await store.appendAudit(link) { return loss }
        }
        throw BusError(.unavailable, "the audit chain of partition \(partition.rawValue) is too busy")
    }

    private func sign(_ statement: [UInt8]) throws -> SignedStatement {
        SignedStatement(statement: String(decoding: statement, as: UTF8.self), signature: try signer.sign(statement))
    }
}
