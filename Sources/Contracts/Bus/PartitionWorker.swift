/// What a role does with the entries of one partition, while it holds the partition's lease.
///
/// A session lives in one task; it is opened anew after every change of hands and every error.
package protocol PartitionSession: SendableMetatype {
    /// Takes up the state that `snapshot` returned earlier; `nil` when there is none.
    mutating func restore(_ snapshot: [UInt8]?) async throws

    /// Folds an entry that was processed after the snapshot was taken; its outputs exist already.
    mutating func replay(_ entry: StreamEntry, topic: Topic) async throws

    /// Processes a new entry.
    ///
    /// - Returns: changes that are applied together with the step forward in the stream.
    /// - Throws: `UnreadableEntry` to have the entry set aside; any other error ends the session.
    mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction

    /// Does what time asks for; called after each round and at least once a second.
    mutating func elapse() async throws -> Transaction

    /// State to take up later; `nil` when the session keeps all its state in the store.
    func snapshot() throws -> [UInt8]?
}

/// The entry cannot be read and never will be.
package struct UnreadableEntry: Error, CustomStringConvertible {
    /// Why.
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Owns as many partitions as it can get leases for, and drives a session for each.
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
        /// Committed entries between two snapshots.
        package var snapshotEvery: Int
        /// Input streams that are trimmed behind the snapshot, and how many milliseconds behind it.
        package var retention: [Topic: UInt64]

        package init(
            role: String, inputs: [Topic], partitions: Int = Partition.defaultCount,
            timing: LeaseTiming = .partition, batch: Int = 64, snapshotEvery: Int = 256,
            retention: [Topic: UInt64] = [:]
        ) {
            self.role = role
            self.inputs = inputs
            self.partitions = partitions
            self.timing = timing
            self.batch = batch
            self.snapshotEvery = snapshotEvery
            self.retention = retention
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
        let streams = Partition.all(count: configuration.partitions).flatMap { partition in
            configuration.inputs.map { keys.stream($0, partition) }
        }
        let signal = EntrySignal(store: store, streams: streams)
        await withDiscardingTaskGroup { group in
            group.addTask { await signal.run() }
            for partition in Partition.all(count: configuration.partitions) {
                group.addTask { await contend(partition, signal) }
            }
        }
    }

    private func contend(_ partition: Partition, _ signal: EntrySignal) async {
        let keeper = LeaseKeeper(
            store: store, key: keys.lease(configuration.role, partition), timing: configuration.timing,
            newOwner: newOwner, observe: observe)
        await keeper.run { proof in try await work(partition, proof, signal) }
    }

    private func work(_ partition: Partition, _ proof: LeaseProof, _ signal: EntrySignal) async throws {
        let stateKey = keys.state(configuration.role, partition)
        var session = try open(partition, proof)
        try await recover(&session, partition, stateKey)
        var sinceSnapshot = 0
        while true {
            try Task.checkCancellation()
            var processed = 0
            for topic in configuration.inputs {
                processed += try await round(&session, topic, partition, proof, stateKey)
            }
            try await commit(try await session.elapse(), proof)
            sinceSnapshot += processed
            if sinceSnapshot >= configuration.snapshotEvery {
                try await save(session, partition, proof, stateKey)
                sinceSnapshot = 0
            }
            if processed == 0 {
                let streams = configuration.inputs.map { keys.stream($0, partition) }
                await signal.wait(for: streams, atMost: .seconds(1))
            }
        }
    }

    private func recover(_ session: inout Session, _ partition: Partition, _ stateKey: String) async throws {
        let fields = try await store.fields(stateKey)
        func position(_ name: String) -> EntryID {
            fields[name].flatMap { EntryID(String(decoding: $0, as: UTF8.self)) } ?? .zero
        }
        try await session.restore(fields["snapshot"])
        for topic in configuration.inputs {
            let stream = keys.stream(topic, partition)
            let committed = position("position:\(stream)")
            var replayed = position("snapshot:\(stream)")
            while replayed < committed {
                let entries = try await store.entries(stream, after: replayed, limit: configuration.batch)
                for entry in entries where entry.id <= committed { try await session.replay(entry, topic: topic) }
                guard let last = entries.last else { break }
                replayed = last.id
            }
        }
    }

    private func round(
        _ session: inout Session, _ topic: Topic, _ partition: Partition, _ proof: LeaseProof, _ stateKey: String
    ) async throws -> Int {
        let stream = keys.stream(topic, partition)
        let request = ReadRequest(lease: proof, stateKey: stateKey, stream: stream, limit: configuration.batch)
        guard case .entries(let entries, var position) = try await store.read(request) else {
            throw FencedError.fenced
        }
        for entry in entries {
            try Task.checkCancellation()
            var transaction: Transaction
            do {
                transaction = try await session.process(entry, topic: topic)
            } catch let unreadable as UnreadableEntry {
                transaction = setAside(entry, stream: stream, partition, reason: unreadable.description)
                observe(.setAside(stream: stream, entry: entry.id, reason: unreadable.description))
            }
            transaction.advances.append(
                .init(stateKey: stateKey, stream: stream, group: configuration.role, from: position, to: entry.id))
            try await commit(transaction, proof)
            position = entry.id
        }
        if !entries.isEmpty { observe(.committed(stream: stream, entries: entries.count)) }
        return entries.count
    }

    private func setAside(
        _ entry: StreamEntry, stream: String, _ partition: Partition, reason: String
    ) -> Transaction {
        let notes = [
            Field("reason", reason), Field("from", stream), Field("entry", "\(entry.id)"),
            Field("role", configuration.role),
        ]
        return Transaction(changes: [
            .append(stream: keys.stream(.deadLetters, partition), fields: notes + entry.fields)
        ])
    }

    private func save(
        _ session: Session, _ partition: Partition, _ proof: LeaseProof, _ stateKey: String
    ) async throws {
        guard let snapshot = try session.snapshot() else { return }
        let positions = try await store.fields(stateKey)
        var fields = [Field("snapshot", snapshot)]
        var trims: [Transaction.Change] = []
        for topic in configuration.inputs {
            let stream = keys.stream(topic, partition)
            guard let position = positions["position:\(stream)"] else { continue }
            fields.append(Field("snapshot:\(stream)", position))
            // What is behind the snapshot is never replayed; it is kept for a while for people.
            guard let kept = configuration.retention[topic],
                let id = EntryID(String(decoding: position, as: UTF8.self)),
                id.milliseconds > kept
            else { continue }
            trims.append(.trim(stream: stream, before: EntryID(milliseconds: id.milliseconds - kept, sequence: 0)))
        }
        try await commit(Transaction(changes: [.set(key: stateKey, fields: fields)] + trims), proof)
    }

    private func commit(_ transaction: Transaction, _ proof: LeaseProof) async throws {
        guard !transaction.isEmpty else { return }
        var fenced = transaction
        fenced.lease = proof
        switch try await store.commit(fenced) {
        case .committed: return
        case .fenced: throw FencedError.fenced
        case .conflict(let key, let field): throw CommitConflict(key: key, field: field)
        }
    }
}

/// A check of a commit did not hold; the session's view is out of date.
package struct CommitConflict: Error, CustomStringConvertible {
    /// Key of the check.
    package var key: String
    /// Field of the check.
    package var field: String

    package init(key: String, field: String) {
        self.key = key
        self.field = field
    }

    package var description: String { "\(key) \(field) changed meanwhile" }
}
