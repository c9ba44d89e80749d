/// Names of everything stored; each key of a partition carries its hash tag.
package struct Keys: Sendable, Equatable {
    /// First part of every key.
    package var prefix: String

    /// Makes names that begin with `prefix`, by default `sre:`.
    package init(prefix: String = "sre:") { self.prefix = prefix }

    /// Stream of a topic.
    package func stream(_ topic: Topic, _ partition: Partition) -> String { key(partition, topic.rawValue) }

    /// Lease of a role on a partition.
    package func lease(_ role: String, _ partition: Partition) -> String { key(partition, "lease:\(role)") }

    /// Everything that people want to know, of all partitions, in one stream.
    package var feed: String { global("feed") }

    /// Positions of the relay that fills ``feed``.
    package func feedState(_ partition: Partition) -> String { state(FeedRelay.role, partition) }

    /// What this installation is and whether its database was lost.
    package var installation: String { global("installation") }

    /// Living replicas of a role, by their beats.
    package func members(_ role: String) -> String { global("members:\(role)") }

    /// Lease of a singleton or a shard.
    package func globalLease(_ role: String) -> String { global("lease:\(role)") }

    /// Positions and snapshot of a role on a partition.
    package func state(_ role: String, _ partition: Partition) -> String { key(partition, "state:\(role)") }

    /// High-water marks of producers into a partition.
    package func marks(_ partition: Partition) -> String { key(partition, "marks") }

    /// Newest state of an incident.
    package func incident(_ id: String, _ partition: Partition) -> String { key(partition, "incident:\(id)") }

    /// Incidents by time of their newest change.
    package func incidentIndex(_ partition: Partition) -> String { key(partition, "index:incidents") }

    /// Newest state of an anomaly.
    package func anomaly(_ id: String, _ partition: Partition) -> String { key(partition, "anomaly:\(id)") }

    /// Anomalies by time of their start.
    package func anomalyIndex(_ partition: Partition) -> String { key(partition, "index:anomalies") }

    /// A plan with its state and its statements.
    package func plan(_ hash: String, _ partition: Partition) -> String { key(partition, "plan:\(hash)") }

    /// Plans by time of their creation.
    package func planIndex(_ partition: Partition) -> String { key(partition, "index:plans") }

    /// The approval queue: hashes of undecided plans by expiry.
    package func approvalQueue(_ partition: Partition) -> String { key(partition, "queue:approvals") }

    /// Plans that were let through in an emergency and are to be reviewed.
    package func reviewQueue(_ partition: Partition) -> String { key(partition, "queue:reviews") }

    /// Plans that the executor has taken up and not ended, by the time at which it did.
    package func executionQueue(_ partition: Partition) -> String { key(partition, "queue:executions") }

    /// Objects as they were before the steps of a plan changed them, by step.
    package func planBackup(_ hash: String, _ partition: Partition) -> String { key(partition, "plan:\(hash):backup") }

    /// Plan that is being executed on a target.
    package func activePlan(_ target: String, _ partition: Partition) -> String { key(partition, "active:\(target)") }

    /// Claim of an executor on a plan, where claims are kept in the store.
    package func claim(_ hash: String, _ partition: Partition) -> String { key(partition, "claim:\(hash)") }

    /// Claims by the time they were made.
    package func claimIndex(_ partition: Partition) -> String { key(partition, "index:claims") }

    /// Sequence and hash of the newest audit entry.
    package func auditHead(_ partition: Partition) -> String { key(partition, "audit-head") }

    /// Learned baselines of a partition by series.
    package func baselines(_ partition: Partition) -> String { key(partition, "baselines") }

    /// Thresholds that people have moved, of a partition by series.
    package func calibrations(_ partition: Partition) -> String { key(partition, "calibrations") }

    /// Proposed thresholds by id.
    package var proposals: String { global("proposals") }

    /// Statistics of past executions of a partition by runbook.
    package func trackRecord(_ partition: Partition) -> String { key(partition, "track-record") }

    /// Key outside all partitions, in a slot of its own.
    package func global(_ name: String) -> String { "\(prefix){g}:\(name)" }

    /// Timers of a partition: names by Unix milliseconds.
    package func timers(_ partition: Partition) -> String { key(partition, "timers") }

    /// Numbers of entries by stream: `appended:`, `done:<role>:`, `trimmed:` and `bytes:`.
    package func counters(_ partition: Partition) -> String { key(partition, "counters") }

    /// The counters in the slot of a key.
    package static func counters(beside key: String) -> String {
        guard let brace = key.firstRange(of: "}:") else { return "counters" }
        return key[..<brace.upperBound] + "counters"
    }

    private func key(_ partition: Partition, _ name: String) -> String { "\(prefix)\(partition.tag):\(name)" }
}
