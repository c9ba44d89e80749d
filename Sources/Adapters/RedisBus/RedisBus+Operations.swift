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
        guard let first = transaction.keys.first else { return .committed([]) }
        let keys = [Keys.counters(beside: first)] + transaction.keys
        let reply = try await call(
            function, keys: keys, arguments: transaction.arguments(keys),
            isIdempotent: transaction.operation != nil, isReplicated: transaction.isReplicated)
        return try reply.commitResult()
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

extension Transaction {
    /// The flat form that the function `apply` of the library reads; keys by their position from 1, 0 for none.
    func arguments(_ keys: [String]) -> [[UInt8]] {
        let position = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1, Array("\($0 + 1)".utf8)) })
        func at(_ key: String?) -> [UInt8] { key.flatMap { position[$0] } ?? [UInt8(ascii: "0")] }
        func text(_ value: some CustomStringConvertible) -> [UInt8] { Array("\(value)".utf8) }

        var arguments: [[UInt8]] = [
            text(lease?.owner ?? ""), text(lease?.token ?? 0), at(lease?.key), at(operation?.key),
            text(operation?.id ?? ""), text(checks.count),
        ]
        for check in checks {
            arguments += [at(check.key), text(check.field), text(check.value == nil ? 0 : 1), check.value ?? []]
        }
        arguments.append(text(advances.count))
        for advance in advances {
            arguments += [at(advance.stateKey), at(advance.stream)]
            arguments += [text(advance.group), text(advance.from), text(advance.to), text(advance.entries)]
        }
        arguments.append(text(changes.count))
        func add(_ operation: String, _ key: String, _ values: [[UInt8]]) {
            arguments += [text(operation), at(key), text(values.count)] + values
        }
        for change in changes {
            switch change {
            case .set(let key, let fields): add("H", key, fields.flatMap { [text($0.name), $0.value] })
            case .unset(let key, let fields): add("D", key, fields.map { text($0) })
            case .increment(let key, let field, let amount): add("I", key, [text(field), text(amount)])
            case .append(let stream, let fields): add("X", stream, fields.flatMap { [text($0.name), $0.value] })
            case .drop(let stream, let id): add("K", stream, [text(id)])
            case .rank(let key, let member, let score): add("Z", key, [text(score), text(member)])
            case .unrank(let key, let member): add("R", key, [text(member)])
            case .remove(let key): add("E", key, [])
            }
        }
        return arguments
    }
}
