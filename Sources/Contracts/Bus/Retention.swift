import Model

/// Removes what is old: entries of streams that all registered readers have done, and finished records.
///
/// Runs under a lease of its own, one replica at a time. Observations that fill their stream beyond its bytes are shed
/// unread, oldest first, with a note in ``Topic/gaps``; nothing else ever is.
package struct Retention: Sendable {
    /// How long things are kept, in milliseconds.
    package struct Configuration: Sendable {
        /// Observations, after they were read.
        package var observations: UInt64
        /// Entries of every other topic but the audit, and finished anomalies, incidents and plans.
        package var records: UInt64
        /// Audit entries.
        package var audit: UInt64
        /// Bytes of an observations stream beyond which it is shed to three quarters.
        package var bytes: Int
        /// Number of partitions.
        package var partitions: Int

        package init(observations: UInt64, records: UInt64, audit: UInt64, bytes: Int, partitions: Int) {
            self.observations = observations
            self.records = records
            self.audit = audit
            self.bytes = bytes
            self.partitions = partitions
        }
    }

    /// What a run did.
    package struct Report: Sendable, Equatable {
        /// Entries removed by topic.
        package var removed: [Topic: Int] = [:]
        /// Observations removed unread.
        package var shed = 0
        /// Anomalies, incidents and plans removed.
        package var records = 0
    }

    /// Name of its lease.
    package static let role = "retention"
    /// Entries that one call removes at the most; bounds its time in Redis.
    private static let chunk = 200
    private static let resolved = Incident.Status.resolved.rawValue

    private let configuration: Configuration
    private let store: any BusStore
    private let keys: Keys

    package init(_ configuration: Configuration, store: any BusStore, keys: Keys) {
        self.configuration = configuration
        self.store = store
        self.keys = keys
    }

    /// Goes over all partitions once; `now` is Unix milliseconds.
    package func sweep(now: UInt64) async throws -> Report {
        var report = Report()
        for partition in Partition.all(count: configuration.partitions) {
            for topic in Topic.allCases {
                try Task.checkCancellation()
                let kept = lifetime(topic)
                guard now > kept else { continue }
                let floor = EntryID(milliseconds: now - kept, sequence: 0)
                let removed = try await trim(topic, partition, floor)
                if removed > 0 { report.removed[topic, default: 0] += removed }
            }
            report.shed += try await shed(partition)
            report.records += try await forget(partition, before: now)
        }
        if now > configuration.records {
            let floor = EntryID(milliseconds: now - configuration.records, sequence: 0)
            let feed = TrimRequest(stream: keys.feed, gaps: keys.global("gaps"), readers: [], floor: floor)
            while try await store.trim(feed).removed == feed.limit {}
        }
        return report
    }

    private func lifetime(_ topic: Topic) -> UInt64 {
        switch topic {
        case .observations: configuration.observations
        case .audit: configuration.audit
        case .anomalies, .incidents, .plans, .decisions, .outcomes, .notices, .commands, .timers, .gaps, .deadLetters:
            configuration.records
        }
    }

    private func request(_ topic: Topic, _ partition: Partition, _ floor: EntryID) -> TrimRequest {
        TrimRequest(
            stream: keys.stream(topic, partition), gaps: keys.stream(.gaps, partition),
            readers: topic.readers.map {
                .init(stateKey: keys.state($0.role, partition), replays: $0.replays)
            }, floor: floor, limit: Self.chunk)
    }

    private func trim(_ topic: Topic, _ partition: Partition, _ floor: EntryID) async throws -> Int {
        var total = 0
        while true {
            let result = try await store.trim(request(topic, partition, floor))
            total += result.removed
            guard result.removed == Self.chunk else { return total }
        }
    }

    private func shed(_ partition: Partition) async throws -> Int {
        let stream = keys.stream(.observations, partition)
        let bytes =
            try await store.fields(keys.counters(partition))["bytes:\(stream)"]
            .flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
        guard bytes > configuration.bytes else { return 0 }
        var excess = bytes - configuration.bytes / 4 * 3
        var unread = 0
        while excess > 0 {
            var request = request(.observations, partition, EntryID(milliseconds: .max, sequence: 0))
            request.sheds = true
            // No more than what is too much, by the average size of an entry.
            let length = max(1, try await store.length(stream))
            request.limit = min(Self.chunk, max(1, excess / max(1, bytes / length)))
            let result = try await store.trim(request)
            guard result.removed > 0 else { break }
            excess -= result.bytes
            unread += result.unread
        }
        return unread
    }

    /// Removes finished records whose newest change is older than their lifetime.
    private func forget(_ partition: Partition, before now: UInt64) async throws -> Int {
        guard now > configuration.records else { return 0 }
        let limit = Int64(now - configuration.records)
        var forgotten = 0
        let kinds: [(index: String, keys: (String) -> [String], field: String, isOver: (String) -> Bool)] = [
            (keys.anomalyIndex(partition), { [keys.anomaly($0, partition)] }, "status", { _ in true }),
            (keys.incidentIndex(partition), { [keys.incident($0, partition)] }, "status", { $0 == Self.resolved }),
            (
                keys.planIndex(partition), { [keys.plan($0, partition), keys.planBackup($0, partition)] }, "state",
                { PlanState(rawValue: $0).map { $0.isTerminal && $0 != .needsHuman } ?? false }
            ),
        ]
        for kind in kinds {
            for member in try await store.lowest(kind.index, maximum: limit, limit: 1_000) {
                let all = kind.keys(member.member)
                let key = all[0]
                let state = try await store.fields(key)[kind.field]
                guard kind.isOver(state.map { String(decoding: $0, as: UTF8.self) } ?? "") else { continue }
                let removal = Transaction(
                    checks: [.init(key: key, field: kind.field, value: state)],
                    changes: all.map { .remove(key: $0) } + [.unrank(key: kind.index, member: member.member)])
                if case .committed = try await store.transition(removal) { forgotten += 1 }
            }
        }
        return forgotten
    }
}
