/// Everything that ``ModelStore`` holds, with the operations as plain functions.
struct ModelContents: Sendable {
    var hashes: [String: [String: [UInt8]]] = [:]
    var streams: [String: [StreamEntry]] = [:]
    var sets: [String: [String: Int64]] = [:]
    var leases: [String: LeaseRecord] = [:]
    private var lastMillisecond: UInt64 = 0

    func holds(_ proof: LeaseProof) -> Bool {
        guard let record = leases[proof.key] else { return false }
        return record.owner == proof.owner && record.token == proof.token && !proof.owner.isEmpty
    }

    private func text(_ key: String, _ field: String) -> String? {
        hashes[key]?[field].map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func add(_ fields: [Field], to stream: String) -> EntryID {
        lastMillisecond += 1
        let id = EntryID(milliseconds: lastMillisecond, sequence: 0)
        streams[stream, default: []].append(StreamEntry(id: id, fields: fields))
        return id
    }

    mutating func append(_ request: AppendRequest) -> AppendResult {
        let mark = text(request.marks, request.producer)?.split(separator: ":").compactMap { Int64($0) } ?? []
        let epoch = mark.first
        let sequence = mark.count == 2 ? mark[1] : nil
        if let epoch, request.epoch < epoch { return .fenced }
        if let sequence, request.sequence <= sequence { return .duplicate }
        if sequence != request.previous { return .gap(mark: sequence) }
        if (streams[request.stream]?.count ?? 0) + request.entries.count > request.limit, !request.entries.isEmpty {
            return .full
        }
        let ids = request.entries.map { add($0, to: request.stream) }
        hashes[request.marks, default: [:]][request.producer] = Array("\(request.epoch):\(request.sequence)".utf8)
        return .appended(ids)
    }

    mutating func read(_ request: ReadRequest) -> ReadResult {
        guard holds(request.lease) else { return .fenced }
        let position = text(request.stateKey, "position:\(request.stream)").flatMap(EntryID.init) ?? .zero
        let entries = (streams[request.stream] ?? []).filter { $0.id > position }.prefix(request.limit)
        return .entries(Array(entries), position: position)
    }

    mutating func apply(_ transaction: Transaction) -> CommitResult {
        if let lease = transaction.lease, !holds(lease) { return .fenced }
        for check in transaction.checks where hashes[check.key]?[check.field] != check.value {
            return .conflict(key: check.key, field: check.field)
        }
        for advance in transaction.advances {
            let field = "position:\(advance.stream)"
            let position = text(advance.stateKey, field).flatMap(EntryID.init) ?? .zero
            if position != advance.from { return .conflict(key: advance.stateKey, field: field) }
        }
        for advance in transaction.advances {
            hashes[advance.stateKey, default: [:]]["position:\(advance.stream)"] = Array("\(advance.to)".utf8)
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
        case .append(let stream, let fields): return add(fields, to: stream)
        case .rank(let key, let member, let score): sets[key, default: [:]][member] = score
        case .unrank(let key, let member):
            sets[key]?[member] = nil
            if sets[key]?.isEmpty == true { sets[key] = nil }
        case .trim(let stream, let before): streams[stream]?.removeAll { $0.id < before }
        case .remove(let key):
            hashes[key] = nil
            streams[key] = nil
            sets[key] = nil
        }
        return nil
    }

    mutating func approve(_ request: ApproveRequest) -> ApproveResult {
        guard let state = text(request.plan, "state") else { return .notFound }
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
            _ = perform(.unrank(key: request.queue, member: request.hash))
            _ = add(request.decision, to: request.decisions)
        }
        _ = apply(request.audit.transaction)
        return .recorded(state: next)
    }

    mutating func takeLease(_ key: String, owner: String, expected: LeaseRecord?) -> LeaseTaken {
        let current = leases[key]
        guard current == expected else {
            return .refused(current ?? LeaseRecord(owner: "", token: 0, beat: 0))
        }
        let record = LeaseRecord(owner: owner, token: (current?.token ?? 0) + 1, beat: (current?.beat ?? 0) + 1)
        leases[key] = record
        return .taken(record)
    }
}
