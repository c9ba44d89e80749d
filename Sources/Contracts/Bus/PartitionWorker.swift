/// Owns its share of the partitions, and drives a session for each.
///
/// The replicas of a role share the partitions evenly (``ReplicaRoster``); a partition changes hands only when somebody
/// has too many, is gone, or stops.
package struct PartitionWorker<Session: PartitionSession>: Sendable {
    /// What the worker needs to know.
    package struct Configuration: Sendable {
        /// Name of the role; part of lease and state keys.
        package var role: String
        /// Streams to read, in this order in every round.
        package var inputs: [Topic]
        /// Number of partitions.
        package var partitions: Int
        /// Lease of a partition.
        package var timing: LeaseTiming
        /// Entries per round and stream.
        package var batch: Int
        /// Entries that one commit may take together; more than one suits sessions that read nothing from the store
        /// while they process.
        package var commit: Int
        /// Committed entries between two snapshots.
        package var snapshotEvery: Int
        /// Holders of the lease that may begin at an entry before it is given up; default 5.
        package var attempts: Int
        /// Asked before every round; while it is `true`, entries wait.
        package var isHeldBack: @Sendable () -> Bool
        /// Unix milliseconds now, for a role that reads ``Topic/timers``.
        package var clock: (@Sendable () -> Int64)?

        package init(
            role: String, inputs: [Topic], partitions: Int = Partition.defaultCount,
            timing: LeaseTiming = .partition, batch: Int = 64, commit: Int = 1, snapshotEvery: Int = 256,
            attempts: Int = 5, isHeldBack: @escaping @Sendable () -> Bool = { false },
            clock: (@Sendable () -> Int64)? = nil
        ) {
            self.role = role
            self.inputs = inputs
            self.partitions = partitions
            self.timing = timing
            self.batch = batch
            self.commit = max(1, commit)
            self.snapshotEvery = snapshotEvery
            self.attempts = max(1, attempts)
            self.isHeldBack = isHeldBack
            self.clock = clock
        }
    }

    private let configuration: Configuration
    private let store: any BusStore
    private let keys: Keys
    private let newOwner: @Sendable () -> String
    private let observe: BusObserver
    private let open: @Sendable (Partition, LeaseProof) throws -> Session

    /// A worker whose sessions are made by `open`.
    package init(
        _ configuration: Configuration, store: any BusStore, keys: Keys,
        newOwner: @escaping @Sendable () -> String, observe: @escaping BusObserver,
        open: @escaping @Sendable (Partition, LeaseProof) throws -> Session
    ) {
        self.configuration = configuration
        self.store = store
        self.keys = keys
        self.newOwner = newOwner
        self.observe = observe
        self.open = open
    }

    /// Runs until the task is cancelled.
    package func run() async {
        let partitions = Partition.all(count: configuration.partitions)
        let streams = partitions.flatMap { partition in configuration.inputs.map { keys.stream($0, partition) } }
        let signal = EntrySignal(store: store, streams: streams)
        let share = ReplicaShare(
            store: store, key: keys.members(configuration.role), name: newOwner(), total: partitions.count,
            timing: configuration.timing)
        await withDiscardingTaskGroup { group in
            group.addTask { await signal.run() }
            group.addTask { await share.run() }
            for partition in partitions {
                group.addTask { await contend(partition, share, signal) }
            }
        }
    }

    private func contend(_ partition: Partition, _ share: ReplicaShare, _ signal: EntrySignal) async {
        let keeper = LeaseKeeper(
            store: store, key: keys.lease(configuration.role, partition), timing: configuration.timing,
            admission: share.admission(to: partition.rawValue), newOwner: newOwner, observe: observe)
        await keeper.run { proof in
            var runner = PartitionRunner(
                configuration, partition: partition, lease: proof, store: store, keys: keys, observe: observe)
            var session = try open(partition, proof)
            try await runner.run(&session, signal)
        }
    }
}
