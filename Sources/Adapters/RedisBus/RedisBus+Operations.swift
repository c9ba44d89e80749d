import Bus
import RedisClient

extension RedisBus {
    package func append(_ request: AppendRequest) async throws(BusError) -> AppendResult {
        var arguments = [
            request.producer, "\(request.epoch)", request.previous.map { "\($0)" } ?? "", "\(request.sequence)",
            "\(request.limits.soft)", "\(request.limits.hard)", "\(request.limits.bytes)", "\(request.readers.count)",
        ].map { Array($0.utf8) }
        arguments += (request.readers + ["\(request.entries.count)"]).map { Array($0.utf8) }
        for fields in request.entries { arguments += fields.counted }
        let reply = try await call(
            "append", keys: [request.stream, request.marks, Keys.counters(beside: request.stream)],
            arguments: arguments)
        switch reply.word {
        case "OK": return .appended(try reply.entryIDs(from: 1), underPressure: try reply.text(0) == "1")
        case "DUPLICATE": return .duplicate
        case "GAP": return .gap(mark: Int64(try reply.text(0)))
        case "FENCED": return .fenced
        case "FULL": return .full
        default: throw reply.unexpected
        }
    }

    package func read(_ request: ReadRequest) async throws(BusError) -> ReadResult {
        let reply = try await call(
            "read", keys: [request.lease.key, request.stateKey, request.stream],
            arguments: request.lease.arguments + [Array("\(request.limit)".utf8)])
        switch reply.word {
        case "OK":
            guard let position = EntryID(try reply.text(0)), let attempts = Int(try reply.text(1)),
                let list = reply.rest.last
            else { throw reply.unexpected }
            return .entries(try StreamEntry.list(list), position: position, attempts: attempts)
        case "FENCED": return .fenced
        default: throw reply.unexpected
        }
    }

    package func commit(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        try await apply("commit", transaction)
    }

    package func transition(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        try await apply("transition", transaction)
    }

    package func appendAudit(_ link: AuditAppend) async throws(BusError) -> CommitResult {
        try await apply("audit_append", link.transaction)
    }

    package func acknowledgeRelay(_ advance: Transaction.Advance) async throws(BusError) -> CommitResult {
        try await apply("relay_ack", .acknowledging(advance))
    }

    private func apply(_ function: String, _ transaction: Transaction) async throws(BusError) -> CommitResult {
        let keys = transaction.allKeys
        guard !keys.isEmpty else { return .committed([]) }
        let command = Self.command(function, transaction, keys)
        return try await call(function, command, keys: keys, isReplicated: transaction.isReplicated).commitResult()
    }

    package func setAside(_ request: DeadLetterRequest) async throws(BusError) -> CommitResult {
        let reply = try await call(
            "to_dlq",
            keys: [
                request.lease.key, request.stateKey, request.stream, request.deadLetters,
                Keys.counters(beside: request.stream),
            ],
            arguments: request.lease.arguments + [Array(request.group.utf8), Array("\(request.entry)".utf8)]
                + request.notes.counted)
        return try reply.commitResult()
    }

    package func trim(_ request: TrimRequest) async throws(BusError) -> TrimResult {
        let words =
            ["\(request.floor)", "\(request.limit)", request.sheds ? "shed" : "done"]
            + request.readers.map { $0.replays ? "snapshot" : "position" }
        let reply = try await call(
            "trim",
            keys: [request.stream, Keys.counters(beside: request.stream), request.gaps]
                + request.readers.map(\.stateKey), arguments: words.map { Array($0.utf8) })
        guard let removed = Int(try reply.text(0)), let bytes = Int(try reply.text(1)),
            let unread = Int(try reply.text(2))
        else { throw reply.unexpected }
        return TrimResult(removed: removed, bytes: bytes, unread: unread)
    }

    package func popTimers(_ request: TimerRequest) async throws(BusError) -> [EntryID]? {
        let reply = try await call(
            "timer_pop",
            keys: [request.lease.key, request.timers, request.stream, Keys.counters(beside: request.stream)],
            arguments: request.lease.arguments + ["\(request.now)", "\(request.limit)"].map { Array($0.utf8) })
        return reply.word == "FENCED" ? nil : try reply.entryIDs()
    }

    package func approve(_ request: ApproveRequest) async throws(BusError) -> ApproveResult {
        var arguments = [Array(request.hash.utf8), Array(request.approver.utf8)]
        arguments += [Array((request.approves ? "1" : "0").utf8), request.statement]
        arguments += ["\(request.now)", request.audit.previousHash, "\(request.audit.sequence)", request.audit.hash]
            .map { Array($0.utf8) }
        arguments += request.decision.counted + request.audit.fields.counted
        let reply = try await call(
            "approve",
            keys: [
                request.plan, request.queue, request.decisions, request.audit.stream, request.audit.head,
                Keys.counters(beside: request.plan),
            ], arguments: arguments, isReplicated: true)
        switch reply.word {
        case "RECORDED": return .recorded(state: try reply.text(0))
        case "REPEATED": return .repeated(state: try reply.text(0))
        case "CONTRADICTS": return .contradicts(state: try reply.text(0))
        case "DECIDED": return .decided(state: try reply.text(0))
        case "EXPIRED": return .expired
        case "NOTFOUND": return .notFound
        case "AUDITMOVED": return .auditMoved
        default: throw reply.unexpected
        }
    }

    package func takeLease(
        _ key: String, owner: String, expected: LeaseRecord?
    ) async throws(BusError) -> LeaseTaken {
        let arguments =
            [owner, expected == nil ? "0" : "1"]
            + (expected.map { [$0.owner, "\($0.token)", "\($0.beat)"] } ?? ["", "", ""])
        let reply = try await call("lease_take", keys: [key], arguments: arguments.map { Array($0.utf8) })
        let record = try reply.record(from: 0)
        return reply.word == "OK" ? .taken(record) : .refused(record)
    }

    package func beatLease(_ proof: LeaseProof) async throws(BusError) -> Bool {
        try await call("lease_beat", keys: [proof.key], arguments: proof.arguments).word == "OK"
    }

    package func releaseLease(_ proof: LeaseProof) async throws(BusError) {
        _ = try await call("lease_release", keys: [proof.key], arguments: proof.arguments)
    }
}

extension LeaseProof {
    fileprivate var arguments: [[UInt8]] { [Array(owner.utf8), Array("\(token)".utf8)] }
}

extension [Field] {
    /// Number of fields, then names and values.
    fileprivate var counted: [[UInt8]] {
        [[UInt8]("\(count)".utf8)] + flatMap { [[UInt8]($0.name.utf8), $0.value] }
    }
}
