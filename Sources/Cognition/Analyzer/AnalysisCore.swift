import Diagnosis
import Model
import TimeSeries

/// Folds observations into anomalies and incidents of one partition: pure and deterministic.
struct AnalysisCore: Sendable {
    /// What an observation or a command led to.
    enum Output: Sendable, Equatable {
        /// The anomaly's newest state; `isNews` when people should hear of it.
        case anomaly(Anomaly, isNews: Bool)
        /// The incident's newest state; `isNews` when planners should look at it.
        case incident(Incident, isNews: Bool)
        /// The threshold that people have moved.
        case calibration(SeriesID, ThresholdFeedback)
    }

    /// Series beyond so many in one partition are not watched.
    static let maximumSeries = 100_000

    private let configuration: AnalyzerConfiguration
    private(set) var series: [SeriesID: SeriesState] = [:]
    private(set) var calibrations: [SeriesID: ThresholdFeedback] = [:]
    private var entities: [SeriesID: Entity] = [:]
    private var correlator: Correlator
    private var learned: [SeriesID: LearnedSeries] = [:]

    init(configuration: AnalyzerConfiguration) {
        self.configuration = configuration
        correlator = Correlator(flapping: configuration.flappingMilliseconds)
    }

    var incidents: [Incident] { correlator.incidents.values.sorted { ($0.started, $0.id) < ($1.started, $1.id) } }

    mutating func restore(series: [(SeriesID, Entity, SeriesState)], incidents: [Incident]) {
        self.series = Dictionary(series.map { ($0.0, $0.2) }) { $1 }
        self.entities = Dictionary(series.map { ($0.0, $0.1) }) { $1 }
        self.correlator = Correlator(incidents: incidents, flapping: configuration.flappingMilliseconds)
        for id in self.series.keys { configure(id) }
    }

    /// Takes up the thresholds that people have moved before.
    mutating func calibrate(_ calibrations: [SeriesID: ThresholdFeedback]) {
        self.calibrations = calibrations
        for id in calibrations.keys { configure(id) }
    }

    var snapshot: [(SeriesID, Entity, SeriesState)] {
        series.compactMap { id, state in entities[id].map { (id, $0, state) } }.sorted { $0.0 < $1.0 }
    }

    /// Takes what was learned into use; open anomalies stay open.
    ///
    /// - Parameter replacing: whether series that have a baseline get the new one. After a takeover they must not: theirs
    ///   has followed the series since it was learned, and the replay has to come to the same results.
    mutating func adopt(_ learned: [SeriesID: LearnedSeries], replacing: Bool) {
        self.learned.merge(learned) { $1 }
        guard replacing else { return }
        for (id, new) in learned {
            guard var state = series[id] else { continue }
            state.detector?.baseline = new.baseline
            state.algorithms = new.choice?.algorithms
            state.foundLimit = new.limit
            series[id] = state
            configure(id)
        }
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
            if series[observed.id]?.detector == nil { begin(observed.id, metric) }
            let limit = limit(of: observed.id, in: observation)
            for sample in observed.samples {
                let point = Sample(timestamp: sample.time.rawValue, value: sample.value)
                let detection = series[observed.id]?.take(point, limit: limit, forecast: configuration.forecast)
                guard let detection else { continue }
                outputs += react(to: detection, at: point.timestamp, observed, observation, limit)
            }
        }
        return outputs
    }

    /// Moves the threshold of a series by what a person says of one of its anomalies, or by a proposal that a person has
    /// accepted.
    mutating func fold(_ verdict: ThresholdVerdict) -> [Output] {
        guard let metric = configuration.metrics[verdict.series.metric] else { return [] }
        var calibration = ThresholdFeedback(threshold: metric.detector.threshold)
        if let known = calibrations[verdict.series], known.configured == calibration.configured { calibration = known }
        switch verdict.change {
        case .verdict(let score, let isTrue): calibration.take(score: score, isTrue: isTrue, alarm: verdict.reference)
        case .threshold(let threshold): calibration.apply(threshold)
        }
        calibrations[verdict.series] = calibration
        configure(verdict.series)
        return [.calibration(verdict.series, calibration)]
    }

    // MARK: Configuration of a series

    private mutating func begin(_ id: SeriesID, _ metric: WatchedMetric) {
        guard let learned = learned[id], var state = series[id] else { return }
        state.algorithms = learned.choice?.algorithms
        state.foundLimit = learned.limit
        state.watch = BreachWatch(learned.outline)
        state.detector = EnsembleDetector(
            baseline: learned.baseline, configuration: detector(of: id, metric, state.algorithms),
            ensemble: learned.ensemble)
        series[id] = state
    }

    private mutating func configure(_ id: SeriesID) {
        guard let metric = configuration.metrics[id.metric], let state = series[id] else { return }
        let detector = detector(of: id, metric, state.algorithms)
        series[id]?.detector?.configure(detector)
    }

    /// The metric's configuration with the algorithms that suit the series and the threshold that people have moved.
    ///
    /// A threshold that was moved from another one than is configured now no longer counts.
    private func detector(
        of id: SeriesID, _ metric: WatchedMetric, _ chosen: [Algorithm]?
    ) -> DetectorConfiguration {
        var detector = metric.detector
        if metric.choosesAlgorithms, let chosen { detector.algorithms = chosen }
        if let calibration = calibrations[id],
            calibration.configured == ThresholdFeedback(threshold: detector.threshold).configured
        {
            detector.threshold = calibration.threshold
        }
        return detector
    }

    private func limit(of id: SeriesID, in observation: Observation) -> SeriesLimit? {
        guard let declared = observation.limit else { return series[id]?.foundLimit }
        return SeriesLimit(
            value: declared, isUpper: observation.direction != .below, source: .declared,
            reason: "declared for \(observation.metric)")
    }

    // MARK: Anomalies

    private mutating func react(
        to detection: Detection, at time: Int64, _ observed: ObservedSeries, _ observation: Observation,
        _ limit: SeriesLimit?
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
        case .reopened(let start):
            since = start
            isNews = false
        case .ongoing(let start):
            guard time - state.told >= configuration.refreshMilliseconds else { return [] }
            since = start
            isNews = false
        case .closed(let start, let end):
            since = start
            ended = end
        }
        let anomaly = anomaly(detection, state, limit, since: since, ended: ended, at: time, observed, observation)
        // Worse than people were told is news, better is not.
        if case .opened = detection.transition { state.toldSeverity = nil }
        let known = state.toldSeverity.flatMap { Severity(rawValue: $0) }
        isNews = isNews || known.map { $0 < anomaly.severity } ?? true
        state.told = time
        state.toldSeverity = max(known ?? anomaly.severity, anomaly.severity).rawValue
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
        _ detection: Detection, _ state: SeriesState, _ limit: SeriesLimit?, since: Int64, ended: Int64?,
        at time: Int64, _ observed: ObservedSeries, _ observation: Observation
    ) -> Anomaly {
        let forecast = limit.flatMap { breach(of: $0, state) }
        let band = detection.band
        return Anomaly(
            id: Self.id(observed.id, observed.entity, since: since), series: observed.id, entity: observed.entity,
            unit: observation.unit, status: ended == nil ? .open : .closed, started: Timestamp(milliseconds: since),
            detected: Timestamp(milliseconds: state.detected), updated: Timestamp(milliseconds: time),
            ended: ended.map { Timestamp(milliseconds: $0) }, value: detection.value, expected: band.expected,
            lower: band.lower, upper: band.upper, relativeDeviation: detection.relativeDeviation,
            score: detection.score,
            members: Dictionary(detection.members.map { ($0.name, $0.score) }) { $1 },
            severity: SeverityRule.severity(score: state.peakScore, forecast: forecast), forecast: forecast,
            window: state.recent.map { SamplePoint(time: Timestamp(milliseconds: $0.timestamp), value: $0.value) },
            baselineConfidence: state.detector?.baseline.confidence ?? 0, seenBy: state.seenBy,
            rarityDays: state.rarityDays, threshold: state.detector?.threshold ?? 0,
            peakScore: state.peakScore)
    }

    private func breach(of limit: SeriesLimit, _ state: SeriesState) -> Breach? {
        let forecast = (state.watch ?? BreachWatch()).forecast(
            recent: state.recent, limit: limit, baseline: state.detector?.baseline,
            configuration: configuration.forecast)
        return forecast.map {
            Breach(
                limit: $0.limit, p10: $0.p10, p50: $0.p50, p90: $0.p90, probability: $0.probability,
                horizon: configuration.forecast.horizonSeconds, slopePerHour: $0.slopePerHour, breached: $0.isBreached,
                source: LimitSource(rawValue: limit.source.rawValue) ?? .declared, reason: limit.reason)
        }
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
