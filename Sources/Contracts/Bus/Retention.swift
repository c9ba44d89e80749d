import Model

/// Removes what is old or too much: entries of streams that all registered readers have done, and finished records.
///
/// Runs under a lease of its own, one replica at a time. Observations that fill their stream beyond its bytes are shed
/// unread, oldest first, with a note in ``Topic/gaps``; nothing else ever is. Other streams that are too large lose what
/// all their readers have done; the audit and the dead letters lose nothing for their size.
package struct Retention: Sendable {
    /// How long entries of a topic are kept, and how many.
    package struct Limit: Sendable, Equatable {
        /// Milliseconds that an entry is kept at least, unless its stream grows beyond its bytes.
        package var milliseconds: UInt64
        /// Bytes of the stream of one partition beyond which it is cut to three quarters; `nil`: of any size.
        package var bytes: Int?

        package init(milliseconds: UInt64, bytes: Int?) {
            self.milliseconds = milliseconds
            self.bytes = bytes
        }
    }

    /// How long things are kept.
    package struct Configuration: Sendable, Equatable {
        /// For each topic.
        package var limits: [Topic: Limit]
        /// Milliseconds that finished anomalies, incidents and plans, and the feed, are kept.
        package var records: UInt64
        /// Number of partitions.
        package var partitions: Int

        /// Limits for observations, the audit, and alike for everything else; times in milliseconds.
        package init(observations: UInt64, records: UInt64, audit: UInt64, bytes: Int, partitions: Int) {
            limits = Dictionary(
                uniqueKeysWithValues: Topic.allCases.map { topic in
                    let time =
                        switch topic {
                        case .observations: observations
                        case .audit: audit
                        default: records
                        }
                    return (topic, Limit(milliseconds: time, bytes: Self.isBounded(topic) ? bytes : nil))
                })
            self.records = records
            self.partitions = partitions
        }

        /// Whether a topic may lose entries for its size.
        package static func isBounded(_ topic: Topic) -> Bool { topic != .audit && topic != .deadLetters }
    }

    /// What a run did.
    package struct Report: Sendable, Equatable {
        /// Entries removed by topic, other than those shed.
        package var removed: [Topic: Int] = [:]
        /// Observations removed unread.
        package var shed = 0
        /// Anomalies, incidents and plans removed.
        package var records = 0
        /// Topics with a stream that stays beyond its bytes, because its readers have not done what is in it.
        package var overfull: Set<Topic> = []
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
            for (topic, limit) in configuration.limits {
                try Task.checkCancellation()
                if now > limit.milliseconds {
                    let floor = EntryID(milliseconds: now - limit.milliseconds, sequence: 0)
                    report.removed[topic, default: 0] += try await trim(topic, partition, floor)
                }
                if let bytes = limit.bytes { try await shrink(topic, partition, to: bytes, &report) }
            }
            report.records += try await forget(partition, before: now)
        }
        if now > configuration.records {
            let floor = EntryID(milliseconds: now - configuration.records, sequence: 0)
            let feed = TrimRequest(stream: keys.feed, gaps: keys.global("gaps"), readers: [], floor: floor)
            while try await store.trim(feed).removed == feed.limit {}
        }
        report.removed = report.removed.filter { $0.value > 0 }
        return report
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

    private func shrink(
        _ topic: Topic, _ partition: Partition, to limit: Int, _ report: inout Report
    ) async throws {
        let stream = keys.stream(topic, partition)
        let bytes =
            try await store.fields(keys.counters(partition))["bytes:\(stream)"]
            .flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
        guard bytes > limit else { return }
        var excess = bytes - limit / 4 * 3
        while excess > 0 {
            var request = request(topic, partition, EntryID(milliseconds: .max, sequence: 0))
            request.sheds = topic == .observations
            // No more than what is too much, by the average size of an entry.
            let length = max(1, try await store.length(stream))
            request.limit = min(Self.chunk, max(1, excess / max(1, bytes / length)))
            let result = try await store.trim(request)
            guard result.removed > 0 else { break }
            excess -= result.bytes
            report.shed += result.unread
            report.removed[topic, default: 0] += result.removed - result.unread
        }
        if excess > limit / 4 { report.overfull.insert(topic) }
    }

    /// Removes finished records whose newest change is older than their lifetime.
    private func forget(_ partition: Partition, before now: UInt64) async throws -> Int {
        guard now > configuration.records else { return 0 }
        let limit = Int64(now - configuration.records)
        var forgotten = 0
        // A plan that was let through in an emergency stays until somebody has reviewed it.
        let underReview = Set(
            try await store.ranked(keys.reviewQueue(partition), minimum: 0, limit: 100_000).map(\.member))
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
                guard kind.isOver(state.map { String(decoding: $0, as: UTF8.self) } ?? ""),
                    !underReview.contains(member.member)
                else { continue }
                let removal = Transaction(
                    checks: [.init(key: key, field: kind.field, value: state)],
                    changes: all.map { .remove(key: $0) } + [.unrank(key: kind.index, member: member.member)])
                if case .committed = try await store.transition(removal) { forgotten += 1 }
            }
        }
        return forgotten
    }
}
