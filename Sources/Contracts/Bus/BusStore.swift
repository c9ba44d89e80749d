/// The store with its semantic operations; each touches one partition and is atomic.
///
/// `RedisBus` implements it on Redis functions, ``ModelStore`` in memory; both answer the same to the same sequence.
package protocol BusStore: LeaseAuthority {
    /// Adds entries of a producer, each sequence at most once and in order.
    func append(_ request: AppendRequest) async throws(BusError) -> AppendResult

    /// Reads on from the reader's committed position, if the lease is held.
    func read(_ request: ReadRequest) async throws(BusError) -> ReadResult

    /// Applies changes under a lease.
    func commit(_ transaction: Transaction) async throws(BusError) -> CommitResult

    /// Applies changes that are guarded by their checks alone.
    func transition(_ transaction: Transaction) async throws(BusError) -> CommitResult

    /// Adds a link to an audit chain, if its head is still the one the link was made for.
    func appendAudit(_ link: AuditAppend) async throws(BusError) -> CommitResult

    /// Moves a relay past entries that it has handed on.
    func acknowledgeRelay(_ advance: Transaction.Advance) async throws(BusError) -> CommitResult

    /// Moves an entry that cannot be processed to the dead letters, and its reader past it.
    func setAside(_ request: DeadLetterRequest) async throws(BusError) -> CommitResult

    /// Removes old entries of a stream.
    func trim(_ request: TrimRequest) async throws(BusError) -> TrimResult

    /// Moves timers that are due into a stream; `nil` when the lease belongs to somebody else.
    func popTimers(_ request: TimerRequest) async throws(BusError) -> [EntryID]?

    /// Records a statement about a plan and decides the plan when that settles it.
    func approve(_ request: ApproveRequest) async throws(BusError) -> ApproveResult

    /// All fields of a hash; empty when the key does not exist.
    func fields(_ key: String) async throws(BusError) -> [String: [UInt8]]

    /// Entries after a position, oldest first, at most `limit`.
    func entries(_ stream: String, after: EntryID, limit: Int) async throws(BusError) -> [StreamEntry]

    /// Newest entries, newest first, at most `limit`.
    func newestEntries(_ stream: String, limit: Int) async throws(BusError) -> [StreamEntry]

    /// Members of a sorted set with scores at least `minimum`, highest score first, at most `limit`.
    func ranked(_ key: String, minimum: Int64, limit: Int) async throws(BusError) -> [RankedMember]

    /// Members of a sorted set with scores up to `maximum`, lowest score first, at most `limit`.
    func lowest(_ key: String, maximum: Int64, limit: Int) async throws(BusError) -> [RankedMember]

    /// Number of entries of a stream.
    func length(_ stream: String) async throws(BusError) -> Int

    /// Streams that one waiting command can watch together.
    func watchGroups(_ streams: [String]) -> [[String]]

    /// Waits until one of the streams has an entry after the given position.
    ///
    /// - Returns: the streams that have, with the id of the first such entry; empty when the time ran out.
    func awaitEntries(_ positions: [String: EntryID], timeout: Duration) async throws(BusError) -> [String: EntryID]
}

extension BusStore {
    package func watchGroups(_ streams: [String]) -> [[String]] { streams.isEmpty ? [] : [streams] }
}

/// A member of a sorted set.
package struct RankedMember: Sendable, Equatable {
    /// Name.
    package var member: String
    /// Score.
    package var score: Int64

    package init(member: String, score: Int64) {
        self.member = member
        self.score = score
    }
}

/// A verified statement about a plan, ready to be recorded.
package struct ApproveRequest: Sendable, Equatable {
    /// Key of the plan.
    package var plan: String
    /// The approval queue of its partition.
    package var queue: String
    /// Key of the plan in the queue.
    package var hash: String
    /// The person.
    package var approver: String
    /// `true` approves, `false` rejects.
    package var approves: Bool
    /// The signed statement as stored.
    package var statement: [UInt8]
    /// When, in Unix milliseconds; statements about an expired plan are refused.
    package var now: Int64
    /// Stream of decisions, and the entry to add when this statement settles the plan.
    package var decisions: String
    /// Entry for ``decisions``.
    package var decision: [Field]
    /// Link of the audit chain for this statement.
    package var audit: AuditAppend

    package init(
        plan: String, queue: String, hash: String, approver: String, approves: Bool, statement: [UInt8], now: Int64,
        decisions: String, decision: [Field], audit: AuditAppend
    ) {
        self.plan = plan
        self.queue = queue
        self.hash = hash
        self.approver = approver
        self.approves = approves
        self.statement = statement
        self.now = now
        self.decisions = decisions
        self.decision = decision
        self.audit = audit
    }
}

/// Answer to ``ApproveRequest``; `state` is the plan's state afterwards.
package enum ApproveResult: Sendable, Equatable {
    /// Recorded now.
    case recorded(state: String)
    /// The very same statement was recorded before.
    case repeated(state: String)
    /// The same person said something else before.
    case contradicts(state: String)
    /// The plan is no longer to be decided.
    case decided(state: String)
    /// The plan's time ran out.
    case expired
    /// There is no such plan.
    case notFound
    /// The audit chain moved on; read its head and try again.
    case auditMoved
}

/// The next link of an audit chain and the head it is made for.
package struct AuditAppend: Sendable, Equatable {
    /// Stream of the chain.
    package var stream: String
    /// Hash with the fields `seq` and `hash` of the newest link.
    package var head: String
    /// Hash of the newest link that the entry continues; checked.
    package var previousHash: String
    /// Sequence of the entry.
    package var sequence: Int64
    /// Hash of the entry.
    package var hash: String
    /// The entry.
    package var fields: [Field]

    package init(
        stream: String, head: String, previousHash: String, sequence: Int64, hash: String, fields: [Field]
    ) {
        self.stream = stream
        self.head = head
        self.previousHash = previousHash
        self.sequence = sequence
        self.hash = hash
        self.fields = fields
    }

    /// The same as part of a transaction.
    package var transaction: Transaction {
        Transaction(
            operation: .init(key: head, id: hash),
            checks: [
                .init(key: head, field: "hash", text: sequence == 1 ? nil : previousHash)
            ],
            changes: [
                .append(stream: stream, fields: fields),
                .set(key: head, fields: [Field("seq", "\(sequence)"), Field("hash", hash)]),
            ])
    }
}
