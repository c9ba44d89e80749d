import Bus
import Logging
import Model
import WireFormat

/// Counts and states that the collector reports; the runtime turns them into metrics.
package enum CollectionEvent: Sendable {
    /// A window was stored.
    case collected(metric: String, samples: Int, newest: Timestamp)
    /// The source gave no answer.
    case sourceFailed(metric: String, SourceError)
    /// The source answers again.
    case sourceRecovered
    /// The source warned of partial data.
    case sourceWarned(metric: String, String)
    /// More than the soft limit waits in a stream; collection is coarser until it is read.
    case pressed(stream: String)
    /// A stream is full; collection waits.
    case blocked(stream: String)
}

/// Collects the metrics of the shards it holds leases for.
package struct MetricsCollector: Sendable {
    /// What the collector needs to know.
    package struct Configuration: Sendable {
        /// Cluster name.
        package var cluster: String
        /// Namespace of series without one.
        package var defaultNamespace: String
        /// Metrics to collect.
        package var metrics: [MetricDefinition]
        /// Window planning.
        package var plan: WindowPlan
        /// Number of partitions.
        package var partitions: Int
        /// Number of shards that the metrics are divided into.
        package var shards: Int
        /// Lease of a shard.
        package var timing: LeaseTiming
        /// How much may wait in a stream.
        package var limits: AppendRequest.Limits
        /// While more than the soft limit waits, only every so many-th point is collected.
        package var coarsening: Int64

        package init(
            cluster: String, defaultNamespace: String, metrics: [MetricDefinition], plan: WindowPlan,
            partitions: Int = Partition.defaultCount, shards: Int = 4, timing: LeaseTiming = .partition,
            limits: AppendRequest.Limits = .init(), coarsening: Int64 = 5
        ) {
            self.cluster = cluster
            self.defaultNamespace = defaultNamespace
            self.metrics = metrics
            self.plan = plan
            self.partitions = partitions
            self.shards = max(1, shards)
            self.timing = timing
            self.limits = limits
            self.coarsening = coarsening
        }
    }

    /// Name in entries and lease keys.
    package static let role = "metrics-collector"

    private let configuration: Configuration
    private let source: any MetricsSource
    private let store: any BusStore
    private let keys: Keys
    private let logger: Logger
    private let now: @Sendable () -> Timestamp
    private let newOwner: @Sendable () -> String
    private let observeBus: BusObserver
    private let observe: @Sendable (CollectionEvent) -> Void

    package init(
        _ configuration: Configuration, source: any MetricsSource, store: any BusStore, keys: Keys, logger: Logger,
        now: @escaping @Sendable () -> Timestamp, newOwner: @escaping @Sendable () -> String,
        observeBus: @escaping BusObserver, observe: @escaping @Sendable (CollectionEvent) -> Void
    ) {
        self.configuration = configuration
        self.source = source
        self.store = store
        self.keys = keys
        self.logger = logger
        self.now = now
        self.newOwner = newOwner
        self.observeBus = observeBus
        self.observe = observe
    }

    /// Runs until the task is cancelled.
    package func run() async {
        let share = ReplicaShare(
            store: store, key: keys.members(Self.role), name: newOwner(), total: configuration.shards,
            timing: configuration.timing)
        await withDiscardingTaskGroup { group in
            group.addTask { await share.run() }
            for shard in 0..<configuration.shards {
                let metrics = configuration.metrics.enumerated().filter { $0.offset % configuration.shards == shard }
                    .map(\.element)
                guard !metrics.isEmpty else { continue }
                let keeper = LeaseKeeper(
                    store: store, key: keys.globalLease("\(Self.role):\(shard)"), timing: configuration.timing,
                    admission: share.admission(to: shard), newOwner: newOwner, observe: observeBus)
                group.addTask { await keeper.run { _ in try await collect(metrics) } }
            }
        }
    }

    private func collect(_ metrics: [MetricDefinition]) async throws {
        var cursors: [MetricCursor] = []
        for metric in metrics { cursors.append(try await MetricCursor.load(metric, store, keys, configuration)) }
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))
        while true {
            try Task.checkCancellation()
            do {
                for index in cursors.indices { try await advance(&cursors[index]) }
                if backoff.failures > 0 { observe(.sourceRecovered) }
                backoff.reset()
                try await sleepUntilNextStep()
            } catch let error as SourceError {
                let delay = max(backoff.next(random: .random(in: 0..<1)), error.retryAfter ?? .zero)
                logger.warning(
                    "no answer from the metrics source",
                    metadata: ["reason": "\(error)", "again_in": "\(delay)"])
                try await ContinuousClock().sleep(for: delay)
            }
        }
    }

    private func sleepUntilNextStep() async throws {
        let current = now()
        let next = configuration.plan.newest(now: current).rawValue + configuration.plan.stepMilliseconds
        let due = next + configuration.plan.settleMilliseconds
        try await ContinuousClock().sleep(for: .milliseconds(max(50, due - current.rawValue)))
    }

    private func advance(_ cursor: inout MetricCursor) async throws {
        let metric = cursor.metric
        let start = cursor.next ?? configuration.plan.start(marks: Array(cursor.marks.values), now: now())
        let plan =
            cursor.isUnderPressure ? configuration.plan.coarsened(by: configuration.coarsening) : configuration.plan
        for window in plan.windows(from: start, now: now()) {
            try Task.checkCancellation()
            let result: RangeResult
            do {
                result = try await source.range(
                    metric.query, from: window.from, to: window.to, stepMilliseconds: plan.stepMilliseconds)
            } catch {
                observe(.sourceFailed(metric: metric.name, error))
                if error.isRetriable { throw error }
                logger.error(
                    "the query of a metric is refused; the metric waits for the next step",
                    metadata: ["metric": "\(metric.name)", "reason": "\(error)"])
                return
            }
            for warning in result.warnings { observe(.sourceWarned(metric: metric.name, warning)) }
            guard try await store(result, window, plan.stepMilliseconds, &cursor) else { return }
        }
    }

    /// - Returns: whether the window is stored in all partitions.
    private func store(
        _ result: RangeResult, _ window: WindowPlan.Window, _ step: Int64, _ cursor: inout MetricCursor
    ) async throws -> Bool {
        let builder = ObservationBuilder(
            cluster: configuration.cluster, defaultNamespace: configuration.defaultNamespace,
            partitions: configuration.partitions)
        let observations = builder.observations(
            of: result, metric: cursor.metric, window: window, stepMilliseconds: step)
        var samples = 0
        for partition in Set(observations.keys).union(cursor.marks.keys).sorted() {
            let mark = cursor.marks[partition]
            guard mark ?? .min < window.to.rawValue else { continue }
            let fresh = observations[partition].flatMap { $0.after(mark) }
            let stream = keys.stream(.observations, partition)
            let request = AppendRequest(
                stream: stream, marks: keys.marks(partition), producer: cursor.producer, epoch: cursor.epoch,
                previous: mark, sequence: window.to.rawValue,
                entries: try fresh.map { [try entry($0, partition)] } ?? [],
                readers: Topic.observations.readers.map(\.role), limits: configuration.limits)
            switch try await store.append(request) {
            case .appended(_, let underPressure):
                if underPressure, !cursor.isUnderPressure { observe(.pressed(stream: stream)) }
                cursor.isUnderPressure = underPressure
                cursor.marks[partition] = window.to.rawValue
                samples += fresh?.series.reduce(0) { $0 + $1.samples.count } ?? 0
            case .duplicate:
                cursor.marks[partition] = window.to.rawValue
            case .gap(let stored):
                logger.warning(
                    "a partition lost or gained entries; collecting its range again",
                    metadata: ["metric": "\(cursor.metric.name)", "partition": "\(partition.rawValue)"])
                cursor.marks[partition] = stored
                cursor.next = nil
                return false
            case .fenced: throw FencedError.fenced
            case .full:
                observe(.blocked(stream: stream))
                cursor.next = window.from
                return false
            }
        }
        cursor.next = Timestamp(milliseconds: window.to.rawValue + configuration.plan.stepMilliseconds)
        observe(.collected(metric: cursor.metric.name, samples: samples, newest: window.to))
        return true
    }

    private func entry(_ observation: Observation, _ partition: Partition) throws -> [Field] {
        let id = "\(observation.metric)-\(observation.to.rawValue)-\(partition.rawValue)"
        let samples = observation.series.reduce(0) { $0 + $1.samples.count }
        return try Envelope(
            observation, id: id, source: "sre-\(Self.role)", time: now(), trace: TraceContext(seed: id),
            as: .protobuf,
            notes: [
                Field("metric", observation.metric), Field("series", "\(observation.series.count)"),
                Field("samples", "\(samples)"), Field("from", "\(observation.from)"), Field("to", "\(observation.to)"),
            ]
        ).fields
    }
}

/// How far a metric is collected in each partition.
private struct MetricCursor {
    let metric: MetricDefinition
    let epoch: Int64
    var marks: [Partition: Int64]
    /// Start of the next window; `nil`: to be derived from the marks.
    var next: Timestamp?
    /// Whether more than the soft limit waits in the streams.
    var isUnderPressure = false

    var producer: String { Self.producer(metric) }

    private static func producer(_ metric: MetricDefinition) -> String { "metrics/\(metric.name)" }

    /// Reads the marks; the epoch is above every stored one, so that a predecessor that still lives is fenced.
    static func load(
        _ metric: MetricDefinition, _ store: any BusStore, _ keys: Keys,
        _ configuration: MetricsCollector.Configuration
    ) async throws -> MetricCursor {
        var marks: [Partition: Int64] = [:]
        var epoch: Int64 = 0
        for partition in Partition.all(count: configuration.partitions) {
            guard let stored = try await store.fields(keys.marks(partition))[producer(metric)] else { continue }
            let parts = String(decoding: stored, as: UTF8.self).split(separator: ":").compactMap { Int64($0) }
            guard parts.count == 2 else { continue }
            epoch = max(epoch, parts[0])
            marks[partition] = parts[1]
        }
        return MetricCursor(metric: metric, epoch: epoch + 1, marks: marks)
    }
}

extension Observation {
    /// The part after a mark; `nil` when nothing is left.
    fileprivate func after(_ mark: Int64?) -> Observation? {
        guard let mark, mark >= from.rawValue else { return self }
        var rest = self
        rest.from = Timestamp(milliseconds: mark + stepMilliseconds)
        rest.series = series.map { series in
            var kept = series
            kept.samples = series.samples.filter { $0.time.rawValue > mark }
            return kept
        }
        return rest.from <= rest.to ? rest : nil
    }
}
