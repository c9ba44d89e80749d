/// That an audit chain no longer holds what a checkpoint saw; signed by the auditor's key and written into the chain.
///
/// A failover to a replica that was behind, or a restored backup, loses entries that were acknowledged. The epoch says
/// which, so that the loss is recorded and not hidden.
package struct AuditEpoch: Sendable, Equatable {
    /// Action of the audit entry that carries it.
    package static let action = "audit.epoch"
    /// Detail of that entry that holds the signed statement.
    package static let detail = "statement"

    /// Cluster of the installation.
    package var cluster: String
    /// Partition of the chain, from 0.
    package var partition: Int
    /// Sequence and hash of the newest checkpoint, which the chain no longer holds.
    package var anchoredSequence: Int64
    package var anchoredHash: String
    /// Sequence of the newest checkpoint that it still holds; 0 for none.
    package var keptSequence: Int64
    /// Sequence of the newest entry when the loss was noticed; 0 for an empty chain.
    package var foundSequence: Int64
    /// When it was noticed.
    package var time: Timestamp

    package init(
        cluster: String, partition: Int, anchoredSequence: Int64, anchoredHash: String, keptSequence: Int64,
        foundSequence: Int64, time: Timestamp
    ) {
        self.cluster = cluster
        self.partition = partition
        self.anchoredSequence = anchoredSequence
        self.anchoredHash = anchoredHash
        self.keptSequence = keptSequence
        self.foundSequence = foundSequence
        self.time = time
    }

    /// Whether it accounts for a checkpoint that the chain does not hold.
    package func covers(_ checkpoint: AuditCheckpoint) -> Bool {
        checkpoint.sequence > keptSequence && checkpoint.sequence <= anchoredSequence && checkpoint.time <= time
    }
}

extension AuditEpoch: CustomStringConvertible {
    package var description: String {
        let from = keptSequence == 0 ? "entries up to sequence" : "entries after sequence \(keptSequence) up to"
        return
            "\(from) \(anchoredSequence) were lost: noticed on \(time), when the chain ended at sequence \(foundSequence)"
    }
}
