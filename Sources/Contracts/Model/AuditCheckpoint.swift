/// The head of an audit chain at an instant; signed by an auditor's key and kept outside the store.
package struct AuditCheckpoint: Sendable, Equatable {
    /// Cluster of the installation.
    package var cluster: String
    /// Partition of the chain, from 0.
    package var partition: Int
    /// Sequence of the newest entry; 0 for an empty chain.
    package var sequence: Int64
    /// SHA-256 of that entry, lower-case hex.
    package var hash: String
    /// When.
    package var time: Timestamp

    package init(cluster: String, partition: Int, sequence: Int64, hash: String, time: Timestamp) {
        self.cluster = cluster
        self.partition = partition
        self.sequence = sequence
        self.hash = hash
        self.time = time
    }
}
