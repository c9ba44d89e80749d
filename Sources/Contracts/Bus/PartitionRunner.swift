/// Reads, processes and commits the entries of one partition while its lease is held.
struct PartitionRunner<Session: PartitionSession> {
    private let configuration: PartitionWorker<Session>.Configuration
    private let partition: Partition
    private let lease: LeaseProof
    private let stateKey: String
    private let store: any BusStore
    private let keys: Keys
    private let observe: BusObserver
    private var operations = 0

    init(
        _ configuration: PartitionWorker<Session>.Configuration, partition: Partition, lease: LeaseProof,
        store: any BusStore, keys: Keys, observe: @escaping BusObserver
    ) {
        self.configuration = configuration
        self.partition = partition
        self.lease = lease
        self.stateKey = keys.state(configuration.role, partition)
        self.store = store
        self.keys = keys
        self.observe = observe
    }

    /// Works until the task is cancelled, the lease is lost or the session fails.
    mutating func run(_ session: inout Session, _ signal: EntrySignal) async throws {
        try await recover(&session)
        guard let companion = session.companion else { return try await readOn(&session, signal) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await companion() }
            defer { group.cancelAll() }
            try await readOn(&session, signal)
        }
    }

    private mutating func readOn(_ session: inout Session, _ signal: EntrySignal) async throws {
        var sinceSnapshot = 0
        let streams = configuration.inputs.map { keys.stream($0, partition) }
        while true {
            try Task.checkCancellation()
            guard !configuration.isHeldBack() else {
                try await ContinuousClock().sleep(for: .milliseconds(250))
                continue
            }
            var processed = 0
            try await popTimers()
            for topic in configuration.inputs { processed += try await round(&session, topic) }
            try await commit(try await session.elapse())
            sinceSnapshot += processed
            if sinceSnapshot >= configuration.snapshotEvery {
                try await save(session)
                sinceSnapshot = 0
            }
            if processed == 0 { await signal.wait(for: streams, atMost: .seconds(1)) }
        }
    }

    private func recover(_ session: inout Session) async throws {
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

    private func popTimers() async throws {
        guard let clock = configuration.clock else { return }
        let request = TimerRequest(
            lease: lease, timers: keys.timers(partition), stream: keys.stream(.timers, partition), now: clock())
        guard try await store.popTimers(request) != nil else { throw FencedError.fenced }
    }

    // MARK: Entries

    private mutating func round(_ session: inout Session, _ topic: Topic) async throws -> Int {
        let stream = keys.stream(topic, partition)
        let request = ReadRequest(lease: lease, stateKey: stateKey, stream: stream, limit: configuration.batch)
        guard case .entries(let entries, let position, let attempts) = try await store.read(request) else {
            throw FencedError.fenced
        }
        guard let first = entries.first else { return 0 }
        do {
            if attempts > configuration.attempts {
                try await giveUp(&session, first, topic, from: position, after: attempts - 1)
            } else {
                try await process(&session, entries, topic, from: position)
            }
        } catch {
            await note(error, stream, position, attempts)
            throw error
        }
        observe(.committed(stream: stream, entries: entries.count))
        return entries.count
    }

    private mutating func process(
        _ session: inout Session, _ entries: [StreamEntry], _ topic: Topic, from begin: EntryID
    ) async throws {
        let stream = keys.stream(topic, partition)
        var position = begin
        var group = Transaction()
        var pending: [EntryID] = []
        func step() -> Transaction {
            var step = group
            step.advances.append(
                .init(
                    stateKey: stateKey, stream: stream, group: configuration.role, from: position,
                    to: pending.last ?? position, entries: pending.count))
            return step
        }
        for entry in entries {
            try Task.checkCancellation()
            do {
                group.merge(try await session.process(entry, topic: topic))
                pending.append(entry.id)
            } catch let unreadable as UnreadableEntry {
                if let last = pending.last {
                    try await commit(step())
                    position = last
                    group = Transaction()
                    pending = []
                }
                try await setAside(entry, stream, reason: unreadable.description, attempts: 1)
                position = entry.id
                continue
            }
            guard pending.count >= configuration.commit else { continue }
            try await commit(step())
            position = entry.id
            group = Transaction()
            pending = []
        }
        if !pending.isEmpty { try await commit(step()) }
    }

    private mutating func giveUp(
        _ session: inout Session, _ entry: StreamEntry, _ topic: Topic, from position: EntryID, after attempts: Int
    ) async throws {
        let stream = keys.stream(topic, partition)
        let failure = try await store.fields(stateKey)["failure:\(stream)"].map { String(decoding: $0, as: UTF8.self) }
        let reason = "given up after \(attempts) attempts: \(failure ?? "whoever processed it died")"
        guard var transaction = try await session.giveUp(entry, topic: topic, reason: reason) else {
            return try await setAside(entry, stream, reason: reason, attempts: attempts)
        }
        transaction.advances.append(
            .init(stateKey: stateKey, stream: stream, group: configuration.role, from: position, to: entry.id))
        try await commit(transaction)
        observe(.setAside(stream: stream, entry: entry.id, reason: reason))
    }

    private func setAside(_ entry: StreamEntry, _ stream: String, reason: String, attempts: Int) async throws {
        let request = DeadLetterRequest(
            lease: lease, stateKey: stateKey, stream: stream, group: configuration.role, entry: entry.id,
            deadLetters: keys.stream(.deadLetters, partition),
            notes: DeadLetter.notes(
                reason: reason, stream: stream, entry: entry.id, role: configuration.role, attempts: attempts))
        try settle(try await store.setAside(request))
        observe(.setAside(stream: stream, entry: entry.id, reason: reason))
    }

    /// Keeps what went wrong for whoever has to give the entry up; what is not the entry's fault does not count.
    private func note(_ error: any Error, _ stream: String, _ position: EntryID, _ attempts: Int) async {
        var fields: [Field] = []
        switch error {
        case is CancellationError, is FencedError: return
        case is BusError, is CommitConflict:
            fields = [Field("attempt:\(stream)", "\(position) \(lease.token) \(attempts - 1)")]
        default: fields = [Field("failure:\(stream)", String("\(error)".prefix(500)))]
        }
        // The error itself is what ends the session; a note that cannot be written changes nothing.
        _ = try? await store.commit(Transaction(lease: lease, changes: [.set(key: stateKey, fields: fields)]))
    }

    // MARK: Commits

    private mutating func save(_ session: Session) async throws {
        guard let snapshot = try session.snapshot() else { return }
        let positions = try await store.fields(stateKey)
        var fields = [Field("snapshot", snapshot)]
        for topic in configuration.inputs {
            let stream = keys.stream(topic, partition)
            guard let position = positions["position:\(stream)"] else { continue }
            fields.append(Field("snapshot:\(stream)", position))
        }
        try await commit(Transaction(changes: [.set(key: stateKey, fields: fields)]))
    }

    private mutating func commit(_ transaction: Transaction) async throws {
        guard !transaction.isEmpty else { return }
        var fenced = transaction
        fenced.lease = lease
        operations += 1
        fenced.operation = .init(key: lease.key, id: "\(lease.token)-\(operations)")
        try settle(try await store.commit(fenced))
    }

    private func settle(_ result: CommitResult) throws {
        switch result {
        case .committed, .repeated: return
        case .fenced: throw FencedError.fenced
        case .conflict(let key, let field): throw CommitConflict(key: key, field: field)
        }
    }
}
