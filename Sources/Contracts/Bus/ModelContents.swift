/// Everything that ``ModelStore`` holds, with the operations as plain functions.
struct ModelContents: Sendable {
    var hashes: [String: [String: [UInt8]]] = [:]
    var streams: [String: [StreamEntry]] = [:]
    var sets: [String: [String: Int64]] = [:]
    var leases: [String: LeaseRecord] = [:]
    private var lastMillisecond: UInt64 = 0

    /// These contents with a clock that goes on from that of others: a new master does not repeat ids.
    func continued(from other: ModelContents) -> ModelContents {
        var continued = self
        continued.lastMillisecond = other.lastMillisecond
        return continued
    }

    func holds(_ proof: LeaseProof) -> Bool {
        guard let record = leases[proof.key] else { return false }
        return record.owner == proof.owner && record.token == proof.token && !proof.owner.isEmpty
    }

    private func text(_ key: String, _ field: String) -> String? {
        hashes[key]?[field].map { String(decoding: $0, as: UTF8.self) }
    }

    private func number(_ key: String, _ field: String) -> Int { text(key, field).flatMap { Int($0) } ?? 0 }

    private mutating func count(_ key: String, _ field: String, by amount: Int) {
        hashes[key, default: [:]][field] = Array("\(number(key, field) &+ amount)".utf8)
    }

    private func position(_ state: String, _ stream: String, _ field: String = "position") -> EntryID {
        text(state, "\(field):\(stream)").flatMap(EntryID.init) ?? .zero
    }

    private mutating func add(_ fields: [Field], to stream: String, counters: String) -> EntryID {
        lastMillisecond += 1
        let id = EntryID(milliseconds: lastMillisecond, sequence: 0)
        streams[stream, default: []].append(StreamEntry(id: id, fields: fields))
        count(counters, "appended:\(stream)", by: 1)
        count(counters, "bytes:\(stream)", by: fields.size)
        return id
    }

    mutating func append(_ request: AppendRequest) -> AppendResult {
        let counters = Keys.counters(beside: request.stream)
        let mark = text(request.marks, request.producer)?.split(separator: ":").compactMap { Int64($0) } ?? []
        let epoch = mark.first
        let sequence = mark.count == 2 ? mark[1] : nil
        if let epoch, request.epoch < epoch { return .fenced }
        if let sequence, request.sequence <= sequence { return .duplicate }
        if sequence != request.previous { return .gap(mark: sequence) }
        let appended = number(counters, "appended:\(request.stream)")
        let waiting =
            request.readers.reduce(0) { max($0, appended - number(counters, "done:\($1):\(request.stream)")) }
            + request.entries.count
        let bytes = number(counters, "bytes:\(request.stream)")
        if !request.entries.isEmpty, waiting > request.limits.hard || bytes > request.limits.bytes { return .full }
        let ids = request.entries.map { add($0, to: request.stream, counters: counters) }
        hashes[request.marks, default: [:]][request.producer] = Array("\(request.epoch):\(request.sequence)".utf8)
        return .appended(ids, underPressure: waiting > request.limits.soft)
    }

    mutating func read(_ request: ReadRequest) -> ReadResult {
        guard holds(request.lease) else { return .fenced }
        let position = position(request.stateKey, request.stream)
        let field = "attempt:\(request.stream)"
        var attempts = 1
        let begun = text(request.stateKey, field)?.split(separator: " ").map(String.init) ?? []
        let isSamePlace = begun.first == "\(position)"
        let isSameHolder = begun.count == 3 && begun[1] == "\(request.lease.token)"
        if isSamePlace, begun.count == 3 { attempts = (Int(begun[2]) ?? 0) + (isSameHolder ? 0 : 1) }
        let entries = (streams[request.stream] ?? []).filter { $0.id > position }
            .prefix(attempts > 1 ? 1 : request.limit)
        if !entries.isEmpty, !isSamePlace || !isSameHolder {
            hashes[request.stateKey, default: [:]][field] = Array(
                "\(position) \(request.lease.token) \(attempts)".utf8)
        }
        return .entries(Array(entries), position: position, attempts: attempts)
    }

    private mutating func advance(_ state: String, _ stream: String, _ group: String, to id: EntryID, entries: Int) {
        hashes[state, default: [:]]["position:\(stream)"] = Array("\(id)".utf8)
        count(Keys.counters(beside: stream), "done:\(group):\(stream)", by: entries)
    }

    mutating func apply(_ transaction: Transaction) -> CommitResult {
        if let lease = transaction.lease, !holds(lease) { return .fenced }
        if let operation = transaction.operation, text(operation.key, "operation") == operation.id {
            return .repeated
        }
        for check in transaction.checks where hashes[check.key]?[check.field] != check.value {
            return .conflict(key: check.key, field: check.field)
        }
        for advance in transaction.advances
        where position(advance.stateKey, advance.stream) != advance.from {
            return .conflict(key: advance.stateKey, field: "position:\(advance.stream)")
        }
        if let operation = transaction.operation {
            hashes[operation.key, default: [:]]["operation"] = Array(operation.id.utf8)
        }
        for advance in transaction.advances {
            self.advance(
                advance.stateKey, advance.stream, advance.group, to: advance.to, entries: advance.entries)
        }
        return .committed(transaction.changes.compactMap { perform($0) })
    }

    private mutating func perform(_ change: Transaction.Change) -> EntryID? {
        switch change {
        case .set(let key, let fields):
            for field in fields { hashes[key, default: [:]][field.name] = field.value }
        case .unset(let key, let fields):
            for field in fields { hashes[key]?[field] = nil }
            if hashes[key]?.isEmpty == true { hashes[key] = nil }
        case .increment(let key, let field, let amount):
            let value = text(key, field).flatMap { Int64($0) } ?? 0
            hashes[key, default: [:]][field] = Array("\(value &+ amount)".utf8)
        case .append(let stream, let fields): return add(fields, to: stream, counters: Keys.counters(beside: stream))
        case .drop(let stream, let id):
            guard let index = streams[stream]?.firstIndex(where: { $0.id == id }),
                let entry = streams[stream]?.remove(at: index)
            else { return nil }
            count(Keys.counters(beside: stream), "trimmed:\(stream)", by: 1)
            count(Keys.counters(beside: stream), "bytes:\(stream)", by: -entry.fields.size)
        case .rank(let key, let member, let score): sets[key, default: [:]][member] = score
        case .unrank(let key, let member): unrank(key, member)
        case .remove(let key):
            hashes[key] = nil
            streams[key] = nil
            sets[key] = nil
        }
        return nil
    }

    private mutating func unrank(_ key: String, _ member: String) {
        sets[key]?[member] = nil
        if sets[key]?.isEmpty == true { sets[key] = nil }
    }

    mutating func setAside(_ request: DeadLetterRequest) -> CommitResult {
        guard holds(request.lease) else { return .fenced }
        let position = position(request.stateKey, request.stream)
        guard position < request.entry else { return .repeated }
        guard let next = streams[request.stream]?.first(where: { $0.id > position }), next.id == request.entry else {
            return .conflict(key: request.stateKey, field: "position:\(request.stream)")
        }
        let moved = add(
            request.notes + next.fields, to: request.deadLetters, counters: Keys.counters(beside: request.stream))
        advance(request.stateKey, request.stream, request.group, to: request.entry, entries: 1)
        return .committed([moved])
    }

    mutating func trim(_ request: TrimRequest) -> TrimResult {
        let counters = Keys.counters(beside: request.stream)
        let needed = request.readers
            .map { position($0.stateKey, request.stream, $0.replays ? "snapshot" : "position") }.min()
        let old = (streams[request.stream] ?? []).filter { $0.id < request.floor }.prefix(request.limit)
            .prefix { entry in request.sheds || needed.map { entry.id <= $0 } ?? true }
        guard let last = old.last?.id else { return TrimResult(removed: 0, bytes: 0, unread: 0) }
        streams[request.stream]?.removeAll { $0.id <= last }
        let bytes = old.reduce(0) { $0 + $1.fields.size }
        count(counters, "trimmed:\(request.stream)", by: old.count)
        count(counters, "bytes:\(request.stream)", by: -bytes)
        var unread: [StreamEntry] = []
        for reader in request.readers {
            let skipped = old.filter { $0.id > position(reader.stateKey, request.stream) }
            guard !skipped.isEmpty, let role = reader.stateKey.firstRange(of: ":state:") else { continue }
            hashes[reader.stateKey, default: [:]]["position:\(request.stream)"] = Array("\(last)".utf8)
            count(
                counters, "done:\(reader.stateKey[role.upperBound...]):\(request.stream)", by: skipped.count)
            if skipped.count > unread.count { unread = skipped }
        }
        if let first = unread.first {
            _ = add(
                [
                    Field("stream", request.stream), Field("from", "\(first.id)"), Field("to", "\(last)"),
                    Field("entries", "\(unread.count)"),
                ], to: request.gaps, counters: counters)
        }
        return TrimResult(removed: old.count, bytes: bytes, unread: unread.count)
    }

    mutating func popTimers(_ request: TimerRequest) -> [EntryID]? {
        guard holds(request.lease) else { return nil }
        let due = (sets[request.timers] ?? [:]).filter { $0.value <= request.now }
            .sorted { ($0.value, $0.key) < ($1.value, $1.key) }.prefix(request.limit)
        return due.map { name, time in
            unrank(request.timers, name)
            return add(
                [Field("timer", name), Field("due", "\(time)")], to: request.stream,
                counters: Keys.counters(beside: request.stream))
        }
    }

    mutating func approve(_ request: ApproveRequest) -> ApproveResult {
        guard let state = text(request.plan, "state") else { return .notFound }
        let counters = Keys.counters(beside: request.plan)
        let field = "statement:\(request.approver)"
        if let known = hashes[request.plan]?[field] {
            return known == request.statement ? .repeated(state: state) : .contradicts(state: state)
        }
        let open = request.approves ? ["AWAITING"] : ["AWAITING", "APPROVED", "AUTO_READY", "MANUAL"]
        guard open.contains(state) else { return .decided(state: state) }
        guard let expires = text(request.plan, "expires").flatMap({ Int64($0) }), request.now < expires else {
            return .expired
        }
        let head = text(request.audit.head, "hash")
        guard head == (request.audit.sequence == 1 ? nil : request.audit.previousHash) else { return .auditMoved }
        let count = (text(request.plan, "approvals").flatMap { Int64($0) } ?? 0) + (request.approves ? 1 : 0)
        let quorum = max(1, text(request.plan, "quorum").flatMap { Int64($0) } ?? 1)
        let next = request.approves ? (count >= quorum ? "APPROVED" : "AWAITING") : "REJECTED"
        let version = (text(request.plan, "version").flatMap { Int64($0) } ?? 0) + 1
        hashes[request.plan, default: [:]].merge([
            field: request.statement, "approvals": Array("\(count)".utf8), "state": Array(next.utf8),
            "version": Array("\(version)".utf8),
        ]) { $1 }
        if next != "AWAITING" {
            unrank(request.queue, request.hash)
            _ = add(request.decision, to: request.decisions, counters: counters)
        }
        _ = add(request.audit.fields, to: request.audit.stream, counters: counters)
        hashes[request.audit.head, default: [:]].merge([
            "seq": Array("\(request.audit.sequence)".utf8), "hash": Array(request.audit.hash.utf8),
        ]) { $1 }
        return .recorded(state: next)
    }

    mutating func takeLease(_ key: String, owner: String, expected: LeaseRecord?) -> LeaseTaken {
        let current = leases[key]
        guard current == expected else {
            // An incarnation takes a lease once; when it is the owner already, the first answer was lost.
            if let current, current.owner == owner { return .taken(current) }
            return .refused(current ?? LeaseRecord(owner: "", token: 0, beat: 0))
        }
        let record = LeaseRecord(owner: owner, token: (current?.token ?? 0) + 1, beat: (current?.beat ?? 0) + 1)
        leases[key] = record
        return .taken(record)
    }
}

extension [Field] {
    /// Bytes of all names and values.
    fileprivate var size: Int { reduce(0) { $0 + $1.name.utf8.count + $1.value.count } }
}
