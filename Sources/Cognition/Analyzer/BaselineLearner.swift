import Bus
import Foundation
import Logging
import Model
import TimeSeries
import WireFormat

/// Progress of learning, for logs and metrics.
package enum LearningEvent: Sendable {
    /// A run began over so many metrics.
    case started(metrics: Int)
    /// A metric is done.
    case learned(metric: String, series: Int, skipped: Int, done: Int, of: Int)
    /// The run is over.
    case finished(series: Int, seconds: Double)
}

/// Learns the baselines of all metrics: at the first start, daily, and when asked; of one metric when that is asked for.
///
/// One replica does it at a time, and detection goes on meanwhile. Of one metric at a time its history is held, 40 KiB a
/// series.
package struct BaselineLearner: Sendable {
    /// Key of the learning record, with the fields `requested`, `learned`, `series`, `metrics`, `progress`, and
    /// `requested:` and `learned:` by metric.
    package static func statusKey(_ keys: Keys) -> String { keys.global("baselines") }

    private let configuration: AnalyzerConfiguration
    private let history: any HistorySource
    private let store: any BusStore
    private let keys: Keys
    private let partitions: Int
    private let timing: LeaseTiming
    private let logger: Logger
    private let now: @Sendable () -> Timestamp
    private let newOwner: @Sendable () -> String
    private let observeBus: BusObserver
    private let observe: @Sendable (LearningEvent) -> Void

    package init(
        configuration: AnalyzerConfiguration, history: any HistorySource, store: any BusStore, keys: Keys,
        partitions: Int, timing: LeaseTiming, logger: Logger, now: @escaping @Sendable () -> Timestamp,
        newOwner: @escaping @Sendable () -> String, observeBus: @escaping BusObserver,
        observe: @escaping @Sendable (LearningEvent) -> Void
    ) {
        self.configuration = configuration
        self.history = history
        self.store = store
        self.keys = keys
        self.partitions = partitions
        self.timing = timing
        self.logger = logger
        self.now = now
        self.newOwner = newOwner
        self.observeBus = observeBus
        self.observe = observe
    }

    /// Runs until the task is cancelled.
    package func run() async {
        let keeper = LeaseKeeper(
            store: store, key: keys.globalLease("baseline-learner"), timing: timing, newOwner: newOwner,
            observe: observeBus)
        await keeper.run { proof in
            var backoff = Backoff(initial: .seconds(2), maximum: .seconds(60))
            while true {
                try Task.checkCancellation()
                do {
                    let metrics = try await due()
                    if !metrics.isEmpty { try await learn(metrics, proof) }
                    backoff.reset()
                    try await ContinuousClock().sleep(for: .seconds(2))
                } catch let error as CancellationError {
                    throw error
                } catch FencedError.fenced {
                    throw FencedError.fenced
                } catch {
                    let delay = backoff.next(random: .random(in: 0..<1))
                    logger.error(
                        "baseline learning failed; it is tried again",
                        metadata: ["reason": "\(error)", "again_in": "\(delay)"])
                    try await ContinuousClock().sleep(for: delay)
                }
            }
        }
    }

    /// Field in which a run is asked for, of all metrics or of one.
    package static func requestField(_ metric: String? = nil) -> String {
        metric.map { "requested:\($0)" } ?? "requested"
    }

    /// Field with the begin of the last run, of all metrics or of one by itself.
    package static func learnedField(_ metric: String? = nil) -> String {
        metric.map { "learned:\($0)" } ?? "learned"
    }

    /// Metrics whose baselines are to be learned now; all of them at the first start, daily, and when that is asked for.
    private func due() async throws -> [String] {
        let fields = try await store.fields(Self.statusKey(keys)).mapValues { String(decoding: $0, as: UTF8.self) }
        func time(_ field: String) -> Int64? { fields[field].flatMap { Int64($0) } }
        let metrics = configuration.metrics.keys.sorted()
        guard let learned = time(Self.learnedField()) else { return metrics }
        let age = now().rawValue - learned
        if time(Self.requestField()) ?? 0 > learned || Double(age) >= configuration.relearnHours * 3_600_000 {
            return metrics
        }
        return metrics.filter { metric in
            time(Self.requestField(metric)) ?? 0 > max(learned, time(Self.learnedField(metric)) ?? 0)
        }
    }

    private func learn(_ metrics: [String], _ proof: LeaseProof) async throws {
        let isAll = metrics.count == configuration.metrics.count
        let begun = now()
        logger.info("baseline learning starts", metadata: ["days": "\(configuration.learningDays)"])
        observe(.started(metrics: metrics.count))
        var total = 0
        var learnedMetrics = 0
        for (index, metric) in metrics.enumerated() {
            try Task.checkCancellation()
            let outcome = try await learn(metric, proof)
            total += outcome.learned
            if outcome.learned > 0 { learnedMetrics += 1 }
            observe(
                .learned(
                    metric: metric, series: outcome.learned, skipped: outcome.skipped, done: index + 1,
                    of: metrics.count))
            try await commit(
                Transaction(changes: [
                    .set(
                        key: Self.statusKey(keys),
                        fields: [Field("progress", "\(index + 1)/\(metrics.count)"), Field("learning", metric)])
                ]), proof)
        }
        let fields =
            isAll
            ? [
                Field(Self.learnedField(), "\(begun.rawValue)"), Field("series", "\(total)"),
                Field("metrics", "\(learnedMetrics)"),
            ] : metrics.map { Field(Self.learnedField($0), "\(begun.rawValue)") }
        try await commit(
            Transaction(changes: [
                .set(key: Self.statusKey(keys), fields: fields),
                .unset(key: Self.statusKey(keys), fields: ["learning", "progress"]),
            ]), proof)
        logger.info(
            "baseline learning completed for \(learnedMetrics) metrics", metadata: ["series": "\(total)"])
        observe(.finished(series: total, seconds: Double(now().milliseconds(since: begun)) / 1_000))
    }

    private func learn(_ metric: String, _ proof: LeaseProof) async throws -> (learned: Int, skipped: Int) {
        let all = try await history.history(of: metric, days: configuration.learningDays)
        guard !all.isEmpty, let watched = configuration.metrics[metric] else {
            logger.warning("no data for a metric, skipping it", metadata: ["metric": "\(metric)"])
            return (0, 0)
        }
        let recent = try await history.recent(of: metric, days: configuration.learningDays)
        let newest = Dictionary(recent.map { ($0.id, $0) }) { $1 }
        let limits = await limits(of: metric)
        if let mismatch = limits.flatMap({ FoundLimit.mismatch($0, all.map(\.id)) }) {
            logger.warning("limits do not fit", metadata: ["metric": "\(metric)", "reason": "\(mismatch)"])
        }
        let known = limits == nil ? try await knownLimits(all) : [:]
        var pending = Batch()
        var points = 0
        var skipped = 0
        for series in all {
            try Task.checkCancellation()
            do {
                var learned = try await Self.learn(
                    series, recent: newest[series.id], watched, configuration.baseline)
                if !watched.findsLimits { learned.limit = nil }
                if let found = limits.map({ FoundLimit.best($0, for: series.id) }) ?? known[series.id] {
                    learned.limit = found
                }
                let record = BaselineRecord(series.id, learnedAt: now(), learned: learned)
                let partition = Partition(of: series.entity, count: partitions)
                pending.fields[partition, default: []].append(
                    Field("\(series.id)", Array(try Self.encoder.encode(record))))
                pending.count += 1
                // What was learned leaves the memory in portions; the last one tells the analyzers.
                if pending.count >= Self.portion { try await store(&pending) }
                points += learned.baseline.points
                note(learned.baseline, of: series.id)
            } catch let error as BaselineError {
                skipped += 1
                logger.warning("no baseline", metadata: ["series": "\(series.id)", "reason": "\(error)"])
            }
        }
        try await store(&pending)
        for partition in pending.partitions.sorted() { try await announce(metric, in: partition) }
        let learned = all.count - skipped
        if learned > 0 {
            logger.info(
                "learned baseline for \(metric) from \(points) points", metadata: ["series": "\(learned)"])
        }
        return (learned, skipped)
    }

    /// What is known of limits elsewhere; `nil` when it cannot be asked for, which is no reason not to learn.
    private func limits(of metric: String) async -> [FoundLimit]? {
        do {
            return try await history.limits(of: metric)
        } catch {
            logger.warning(
                "limits were not found, those that are known stay",
                metadata: ["metric": "\(metric)", "reason": "\(error)"])
            return nil
        }
    }

    /// Limits from elsewhere that the last run has found.
    private func knownLimits(_ all: [HistorySeries]) async throws -> [SeriesID: SeriesLimit] {
        var known: [SeriesID: SeriesLimit] = [:]
        for partition in Set(all.map { Partition(of: $0.entity, count: partitions) }) {
            let names = all.map { "\($0.id)" }
            let records = try await store.fields(keys.baselines(partition))
            for bytes in names.compactMap({ records[$0] }) {
                guard let record = try? JSONDecoder().decode(BaselineRecord.self, from: Data(bytes)),
                    let limit = record.learned.limit, limit.source != .learned
                else { continue }
                known[record.id] = limit
            }
        }
        return known
    }

    private func note(_ baseline: Baseline, of series: SeriesID) {
        guard baseline.confidence < 1 else { return }
        logger.notice(
            "a baseline has a lower confidence, because its history is short",
            metadata: [
                "series": "\(series)", "days": "\((baseline.spanDays * 10).rounded() / 10)",
                "confidence": "\((baseline.confidence * 100).rounded() / 100)",
            ])
    }

    /// Learning is heavy: it leaves the caller's executor.
    @concurrent
    private static func learn(
        _ series: HistorySeries, recent: HistorySeries?, _ watched: WatchedMetric,
        _ configuration: BaselineConfiguration
    ) async throws -> LearnedSeries {
        try LearnedSeries.learn(
            from: series.samples, recent: recent?.samples ?? [], configuration: configuration,
            detector: watched.detector, choosesAlgorithms: watched.choosesAlgorithms, unit: watched.unit)
    }

    /// Records that wait to be stored, and the partitions that have some.
    private struct Batch {
        var fields: [Partition: [Field]] = [:]
        var count = 0
        var partitions: Set<Partition> = []
    }

    private static let portion = 200

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return encoder
    }

    private func store(_ batch: inout Batch) async throws {
        for (partition, fields) in batch.fields.sorted(by: { $0.key < $1.key }) {
            let transaction = Transaction(changes: [.set(key: keys.baselines(partition), fields: fields)])
            guard case .committed = try await store.transition(transaction) else {
                throw BusError(.corrupt, "baselines of partition \(partition.rawValue) were not stored")
            }
            batch.partitions.insert(partition)
        }
        batch.fields = [:]
        batch.count = 0
    }

    private func announce(_ metric: String, in partition: Partition) async throws {
        let time = now()
        let command = Command(
            name: AnalyzerSession.baselinesLearned, requester: "sre-analyzer", arguments: ["metric": metric])
        let id = "\(AnalyzerSession.baselinesLearned)-\(metric)-\(time.rawValue)"
        let envelope = try Envelope(
            command, id: id, source: "sre-analyzer", time: time, trace: TraceContext(seed: id),
            notes: [Field("metric", metric)])
        let transaction = Transaction(changes: [
            .append(stream: keys.stream(.commands, partition), fields: envelope.fields)
        ])
        guard case .committed = try await store.transition(transaction) else {
            throw BusError(.corrupt, "analyzers were not told of the baselines of \(metric)")
        }
    }

    private func commit(_ transaction: Transaction, _ proof: LeaseProof) async throws {
        var fenced = transaction
        fenced.lease = proof
        if case .fenced = try await store.commit(fenced) { throw FencedError.fenced }
    }
}
