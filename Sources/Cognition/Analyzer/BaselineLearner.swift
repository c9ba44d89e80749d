import Bus
import Foundation
import Logging
import Model
import TimeSeries
import WireFormat

/// History of one series.
package struct HistorySeries: Sendable {
    /// The series.
    package var id: SeriesID
    /// Workload that it is about.
    package var entity: Entity
    /// Points of the past.
    package var samples: [Sample]

    package init(id: SeriesID, entity: Entity, samples: [Sample]) {
        self.id = id
        self.entity = entity
        self.samples = samples
    }
}

/// Where the history of a metric is asked for.
package protocol HistorySource: Sendable {
    /// All series of a metric over the last days.
    func history(of metric: String, days: Double) async throws -> [HistorySeries]
}

/// Progress of learning, for logs and metrics.
package enum LearningEvent: Sendable {
    /// A run began over so many metrics.
    case started(metrics: Int)
    /// A metric is done.
    case learned(metric: String, series: Int, skipped: Int, done: Int, of: Int)
    /// The run is over.
    case finished(series: Int, seconds: Double)
}

/// Learns the baselines of all metrics: at the first start, daily, and when asked.
///
/// One replica does it at a time.
package struct BaselineLearner: Sendable {
    /// Key of the learning record, with the fields `requested`, `learned`, `series`, `metrics` and `progress`.
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
                    if try await isDue() { try await learn(proof) }
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

    private func isDue() async throws -> Bool {
        let status = try await store.fields(Self.statusKey(keys)).mapValues { String(decoding: $0, as: UTF8.self) }
        guard let learned = status["learned"].flatMap({ Int64($0) }) else { return true }
        let requested = status["requested"].flatMap { Int64($0) } ?? 0
        let age = now().rawValue - learned
        return requested > learned || Double(age) >= configuration.relearnHours * 3_600_000
    }

    private func learn(_ proof: LeaseProof) async throws {
        let metrics = configuration.metrics.keys.sorted()
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
        try await commit(
            Transaction(changes: [
                .set(
                    key: Self.statusKey(keys),
                    fields: [
                        Field("learned", "\(begun.rawValue)"), Field("series", "\(total)"),
                        Field("metrics", "\(learnedMetrics)"),
                    ]),
                .unset(key: Self.statusKey(keys), fields: ["learning", "progress"]),
            ]), proof)
        logger.info(
            "baseline learning completed for \(learnedMetrics) metrics", metadata: ["series": "\(total)"])
        observe(.finished(series: total, seconds: Double(now().milliseconds(since: begun)) / 1_000))
    }

    private func learn(_ metric: String, _ proof: LeaseProof) async throws -> (learned: Int, skipped: Int) {
        let all = try await history.history(of: metric, days: configuration.learningDays)
        guard !all.isEmpty else {
            logger.warning("no data for a metric, skipping it", metadata: ["metric": "\(metric)"])
            return (0, 0)
        }
        var byPartition: [Partition: [Field]] = [:]
        var points = 0
        var skipped = 0
        for series in all {
            do {
                let (baseline, ensemble) = try await Self.learn(series.samples, configuration.baseline)
                let record = BaselineRecord(
                    metric: series.id.metric, labels: series.id.labels, learnedAt: now().rawValue, baseline: baseline,
                    ensemble: ensemble)
                byPartition[Partition(of: series.entity, count: partitions), default: []].append(
                    Field("\(series.id)", Array(try JSONEncoder().encode(record))))
                points += baseline.points
                if baseline.confidence < 1 {
                    logger.notice(
                        "a baseline has a lower confidence, because its history is short",
                        metadata: [
                            "series": "\(series.id)", "days": "\((baseline.spanDays * 10).rounded() / 10)",
                            "confidence": "\((baseline.confidence * 100).rounded() / 100)",
                        ])
                }
            } catch let error as BaselineError {
                skipped += 1
                logger.warning("no baseline", metadata: ["series": "\(series.id)", "reason": "\(error)"])
            }
        }
        for (partition, fields) in byPartition.sorted(by: { $0.key < $1.key }) {
            try await publish(metric, fields, in: partition)
        }
        let learned = all.count - skipped
        if learned > 0 {
            logger.info(
                "learned baseline for \(metric) from \(points) points", metadata: ["series": "\(learned)"])
        }
        return (learned, skipped)
    }

    /// Learning is heavy: it leaves the caller's executor.
    @concurrent
    private static func learn(
        _ samples: [Sample], _ configuration: BaselineConfiguration
    ) async throws -> (Baseline, StreamingEnsemble) {
        let baseline = try Baseline.learn(from: samples, configuration: configuration)
        var ensemble = StreamingEnsemble()
        for sample in samples { _ = ensemble.update(sample) }
        return (baseline, ensemble)
    }

    private func publish(_ metric: String, _ fields: [Field], in partition: Partition) async throws {
        let time = now()
        let command = Command(
            name: AnalyzerSession.baselinesLearned, requester: "sre-analyzer", arguments: ["metric": metric])
        let id = "\(AnalyzerSession.baselinesLearned)-\(metric)-\(time.rawValue)"
        let envelope = try Envelope(
            command, id: id, source: "sre-analyzer", time: time, trace: TraceContext(seed: id),
            notes: [Field("metric", metric), Field("series", "\(fields.count)")])
        let transaction = Transaction(changes: [
            .set(key: keys.baselines(partition), fields: fields),
            .append(stream: keys.stream(.commands, partition), fields: envelope.fields),
        ])
        guard case .committed = try await store.transition(transaction) else {
            throw BusError(.corrupt, "baselines of \(metric) were not stored")
        }
    }

    private func commit(_ transaction: Transaction, _ proof: LeaseProof) async throws {
        var fenced = transaction
        fenced.lease = proof
        if case .fenced = try await store.commit(fenced) { throw FencedError.fenced }
    }
}
