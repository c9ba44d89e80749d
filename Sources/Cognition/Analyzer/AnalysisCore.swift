import Diagnosis
import Model
import TimeSeries

/// Folds observations into anomalies and incidents of one partition: pure and deterministic.
struct AnalysisCore: Sendable {
    /// What an observation led to.
    enum Output: Sendable, Equatable {
        /// The anomaly's newest state; `isNews` when people should hear of it.
        case anomaly(Anomaly, isNews: Bool)
        /// The incident's newest state; `isNews` when planners should look at it.
        case incident(Incident, isNews: Bool)
    }

    /// Series beyond so many in one partition are not watched.
    static let maximumSeries = 100_000

    private let configuration: AnalyzerConfiguration
    private(set) var series: [SeriesID: SeriesState] = [:]
    private var entities: [SeriesID: Entity] = [:]
    private var correlator = Correlator()
    private var baselines: [SeriesID: Baseline] = [:]
    private var ensembles: [SeriesID: StreamingEnsemble] = [:]

    init(configuration: AnalyzerConfiguration) { self.configuration = configuration }

    var incidents: [Incident] { correlator.incidents.values.sorted { ($0.started, $0.id) < ($1.started, $1.id) } }

    mutating func restore(series: [(SeriesID, Entity, SeriesState)], incidents: [Incident]) {
        self.series = Dictionary(series.map { ($0.0, $0.2) }) { $1 }
        self.entities = Dictionary(series.map { ($0.0, $0.1) }) { $1 }
        self.correlator = Correlator(incidents: incidents)
    }

    var snapshot: [(SeriesID, Entity, SeriesState)] {
        series.compactMap { id, state in entities[id].map { (id, $0, state) } }.sorted { $0.0 < $1.0 }
    }

    /// Takes learned baselines into use; open anomalies stay open.
    ///
    /// - Parameter replacing: whether series that have a baseline get the new one. After a takeover they must not: theirs
    ///   has followed the series since it was learned, and the replay has to come to the same results.
    /// - Parameter ensembles: the streaming ensembles as history has left them, for series that are not watched yet.
    mutating func adopt(
        _ learned: [SeriesID: Baseline], ensembles: [SeriesID: StreamingEnsemble] = [:], replacing: Bool
    ) {
        baselines = learned
        self.ensembles = ensembles
        guard replacing else { return }
        for (id, baseline) in learned { series[id]?.detector?.baseline = baseline }
    }

    mutating func fold(_ observation: Observation) -> [Output] {
        guard let metric = configuration.metrics[observation.metric] else { return [] }
        var outputs: [Output] = []
        for observed in observation.series {
            if series[observed.id] == nil {
                guard series.count < Self.maximumSeries else { continue }
                series[observed.id] = SeriesState()
            }
            entities[observed.id] = observed.entity
            if series[observed.id]?.detector == nil, let baseline = baselines[observed.id] {
                series[observed.id]?.detector = EnsembleDetector(
                    baseline: baseline, configuration: metric.detector, ensemble: ensembles[observed.id])
            }
            for sample in observed.samples {
                let point = Sample(timestamp: sample.time.rawValue, value: sample.value)
                guard let detection = series[observed.id]?.take(point) else { continue }
                outputs += react(to: detection, at: point.timestamp, observed, observation)
            }
        }
        return outputs
    }

    private mutating func react(
        to detection: Detection, at time: Int64, _ observed: ObservedSeries, _ observation: Observation
    ) -> [Output] {
        guard var state = series[observed.id] else { return [] }
        let since: Int64
        var ended: Int64?
        var isNews = true
        switch detection.transition {
        case .none: return []
        case .opened(let start):
            since = start
            state.detected = time
        case .ongoing(let start):
            guard time - state.told >= configuration.refreshMilliseconds else { return [] }
            since = start
            isNews = false
        case .closed(let start, let end):
            since = start
            ended = end
        }
        let anomaly = anomaly(detection, state, since: since, ended: ended, at: time, observed, observation)
        isNews = isNews || anomaly.severity.rawValue != state.toldSeverity
        state.told = time
        state.toldSeverity = anomaly.severity.rawValue
        series[observed.id] = state
        var outputs: [Output] = [.anomaly(anomaly, isNews: isNews)]
        let ranker = CauseRanker(roles: configuration.roles)
        let context = context(of: anomaly.entity)
        if let change = correlator.take(anomaly, rank: { ranker.rank(anomalies: $0, context: context) }) {
            outputs.append(.incident(change.incident, isNews: change.isNews))
        }
        return outputs
    }

    private func anomaly(
        _ detection: Detection, _ state: SeriesState, since: Int64, ended: Int64?, at time: Int64,
        _ observed: ObservedSeries, _ observation: Observation
    ) -> Anomaly {
        let forecast = observation.limit.flatMap { limit in
            BreachForecaster.forecast(
                recent: state.recent, limit: limit, limitIsUpper: observation.direction != .below,
                baseline: state.detector?.baseline, configuration: configuration.forecast)
        }.map {
            Breach(
                limit: $0.limit, p10: $0.p10, p50: $0.p50, p90: $0.p90, probability: $0.probability,
                horizon: configuration.forecast.horizonSeconds, slopePerHour: $0.slopePerHour, breached: $0.isBreached)
        }
        let band = detection.band
        return Anomaly(
            id: Self.id(observed.id, observed.entity, since: since), series: observed.id, entity: observed.entity,
            unit: observation.unit, status: ended == nil ? .open : .closed, started: Timestamp(milliseconds: since),
            detected: Timestamp(milliseconds: state.detected), updated: Timestamp(milliseconds: time),
            ended: ended.map { Timestamp(milliseconds: $0) }, value: detection.value, expected: band.expected,
            lower: band.lower, upper: band.upper, relativeDeviation: detection.relativeDeviation,
            score: detection.score,
            members: Dictionary(detection.members.map { ($0.name, $0.score) }) { $1 },
            severity: SeverityRule.severity(score: detection.score, forecast: forecast), forecast: forecast,
            window: state.recent.map { SamplePoint(time: Timestamp(milliseconds: $0.timestamp), value: $0.value) },
            baselineConfidence: state.detector?.baseline.confidence ?? 0)
    }

    /// The same series and start give the same id in every process.
    static func id(_ series: SeriesID, _ entity: Entity, since: Int64) -> String {
        var hash = StableHash()
        hash.combine("\(entity)")
        hash.combine("\(series)")
        hash.combine(since)
        return "ANO-\(hash.base32)"
    }

    private func context(of entity: Entity) -> [SeriesContext] {
        series.compactMap { id, state in
            guard let last = state.last, let owner = entities[id], owner.cluster == entity.cluster,
                owner.namespace == entity.namespace
            else { return nil }
            return SeriesContext(
                series: id, entity: owner, role: configuration.metrics[id.metric]?.role ?? .other, value: last.value,
                expected: last.band.expected, relativeDeviation: last.relativeDeviation, score: last.score)
        }.sorted { $0.series < $1.series }
    }
}
