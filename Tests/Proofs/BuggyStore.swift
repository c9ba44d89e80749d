import Bus

/// The model of the store with one mistake in it.
struct BuggyStore: BusStore {
    let inner: ModelStore
    let bug: SeededBug?

    private func proof(_ proof: LeaseProof) async throws(BusError) -> LeaseProof {
        guard let record = try await inner.lease(proof.key) else { return proof }
        var proof = proof
        if bug == .tokenNotCompared, record.owner == proof.owner { proof.token = record.token }
        if bug == .ownerNotCompared, record.token == proof.token, !record.owner.isEmpty { proof.owner = record.owner }
        return proof
    }

    func append(_ request: AppendRequest) async throws(BusError) -> AppendResult {
        var request = request
        switch bug {
        case .plainAppend:
            let changes = request.entries.map { Transaction.Change.append(stream: request.stream, fields: $0) }
            guard case .committed(let ids) = try await inner.transition(Transaction(changes: changes)) else { break }
            return .appended(ids, underPressure: false)
        case .epochIgnored: request.epoch = .max
        case .trimByLength:
            let result = try await inner.append(request)
            if let floor = try await inner.newestEntries(request.stream, limit: 3).last?.id {
                _ = try await inner.trim(
                    TrimRequest(
                        stream: request.stream, gaps: "\(request.stream)-gaps", readers: [], floor: floor, limit: 1_000)
                )
            }
            return result
        default: break
        }
        return try await inner.append(request)
    }

    func read(_ request: ReadRequest) async throws(BusError) -> ReadResult {
        var request = request
        request.lease = try await proof(request.lease)
        if bug == .attemptsNotCounted {
            _ = try await inner.transition(
                Transaction(changes: [.unset(key: request.stateKey, fields: ["attempt:\(request.stream)"])]))
        }
        return try await inner.read(request)
    }

    func commit(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        var transaction = transaction
        if let lease = transaction.lease { transaction.lease = try await proof(lease) }
        switch bug {
        case .doneBeforeState where !transaction.advances.isEmpty || !transaction.checks.isEmpty:
            var first = Transaction(lease: transaction.lease, advances: transaction.advances)
            if transaction.advances.isEmpty { first.changes = Array(transaction.changes.prefix(1)) }
            let done = try await inner.commit(first)
            guard case .committed = done else { return done }
            transaction.advances = []
        case .stateBeforeChecks: transaction.checks = []
        case .outputOutside:
            let outputs = transaction.changes.filter { if case .append = $0 { true } else { false } }
            transaction.changes.removeAll { if case .append = $0 { true } else { false } }
            if !outputs.isEmpty { _ = try await inner.transition(Transaction(changes: outputs)) }
        case .repetitionNotRecognised: transaction.operation = nil
        default: break
        }
        return try await inner.commit(transaction)
    }

    func transition(_ transaction: Transaction) async throws(BusError) -> CommitResult {
        try await inner.transition(transaction)
    }

    func appendAudit(_ link: AuditAppend) async throws(BusError) -> CommitResult { try await inner.appendAudit(link) }

    func acknowledgeRelay(_ advance: Transaction.Advance) async throws(BusError) -> CommitResult {
        try await inner.acknowledgeRelay(advance)
    }

    func setAside(_ request: DeadLetterRequest) async throws(BusError) -> CommitResult {
        var request = request
        request.lease = try await proof(request.lease)
        let result = try await inner.setAside(request)
        guard bug == .deadLetterOutOfTurn, case .conflict = result else { return result }
        return .committed([.zero])
    }

    func trim(_ request: TrimRequest) async throws(BusError) -> TrimResult {
        var request = request
        if bug == .trimIgnoresReaders { request.readers = [] }
        return try await inner.trim(request)
    }

    func popTimers(_ request: TimerRequest) async throws(BusError) -> [EntryID]? {
        var request = request
        request.lease = try await proof(request.lease)
        return try await inner.popTimers(request)
    }

    func approve(_ request: ApproveRequest) async throws(BusError) -> ApproveResult {
        var request = request
        switch bug {
        case .approveWithoutState where request.approves:
            let fields = [Field("state", "AWAITING")]
            if try await !inner.fields(request.plan).isEmpty {
                _ = try await inner.transition(Transaction(changes: [.set(key: request.plan, fields: fields)]))
            }
        case .rejectionAfterApproval where !request.approves:
            let state = try await inner.fields(request.plan)["state"].map { String(decoding: $0, as: UTF8.self) }
            if state == "APPROVED" { return .decided(state: "APPROVED") }
        case .expiryNotJudged: request.now = .min
        case .personTwice: request.approver += String(decoding: request.statement, as: UTF8.self)
        default: break
        }
        return try await inner.approve(request)
    }

    func takeLease(
        _ key: String, owner: String, expected: LeaseRecord?
    ) async throws(BusError) -> LeaseTaken {
        var expected = expected
        if bug == .leaseTakenBlindly { expected = try await inner.lease(key) }
        return try await inner.takeLease(key, owner: owner, expected: expected)
    }

    func beatLease(_ lease: LeaseProof) async throws(BusError) -> Bool {
        try await inner.beatLease(try await proof(lease))
    }

    func releaseLease(_ lease: LeaseProof) async throws(BusError) {
        try await inner.releaseLease(try await proof(lease))
    }

    func lease(_ key: String) async throws(BusError) -> LeaseRecord? { try await inner.lease(key) }
    func fields(_ key: String) async throws(BusError) -> [String: [UInt8]] { try await inner.fields(key) }
    func entries(_ stream: String, after: EntryID, limit: Int) async throws(BusError) -> [StreamEntry] {
        try await inner.entries(stream, after: after, limit: limit)
    }
    func newestEntries(_ stream: String, limit: Int) async throws(BusError) -> [StreamEntry] {
        try await inner.newestEntries(stream, limit: limit)
    }
    func ranked(_ key: String, minimum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        try await inner.ranked(key, minimum: minimum, limit: limit)
    }
    func lowest(_ key: String, maximum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        try await inner.lowest(key, maximum: maximum, limit: limit)
    }
    func length(_ stream: String) async throws(BusError) -> Int { try await inner.length(stream) }
    func awaitEntries(
        _ positions: [String: EntryID], timeout: Duration
    ) async throws(BusError) -> [String: EntryID] {
        try await inner.awaitEntries(positions, timeout: timeout)
    }
}
