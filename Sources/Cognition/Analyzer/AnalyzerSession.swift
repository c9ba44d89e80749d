import Bus
import Foundation
import Model
import TimeSeries
import WireFormat

/// Runs the analysis of one partition over the bus: snapshot and replay, outputs in one commit with the position.
package struct AnalyzerSession: PartitionSession {
    /// Name of the role in leases and states.
    package static let role = "analyzer"
    /// Streams that are read.
    package static let inputs: [Topic] = [.commands, .observations]
    /// Command that tells that newly learned baselines are in the store.
    static let baselinesLearned = "baseline.learned"

    private let partition: Partition
    private let store: any BusStore
    private let keys: Keys
    private let now: @Sendable () -> Timestamp
    private var core: AnalysisCore

    package init(
        partition: Partition, configuration: AnalyzerConfiguration, store: any BusStore, keys: Keys,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.partition = partition
        self.store = store
        self.keys = keys
        self.now = now
        self.core = AnalysisCore(configuration: configuration)
    }

    private struct Snapshot: Codable {
        struct Entry: Codable {
            var metric: String
            var labels: [String: String]
            var entity: [String]
            /// Versioned snapshot of the state.
            var state: Data
        }

        /// Of the session's state; another one is not taken up.
        static let current = 4
        /// Of the state of each series: those of another version, or that are damaged, begin anew by themselves.
        static let seriesKind = "series-state"
        static let seriesVersion = 2

        var version = current
        var series: [Entry]
        /// Incidents as canonical JSON.
        var incidents: [String]
        /// Thresholds that people have moved; `nil` of another version, they stand in the store too.
        var calibrations: [CalibrationRecord]?

        init(series: [Entry], incidents: [String], calibrations: [CalibrationRecord]) {
            self.series = series
            self.incidents = incidents
            self.calibrations = calibrations
        }

        /// Series of another version, or whose states do not decode, begin anew with their baselines; incidents are kept.
        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            incidents = try container.decode([String].self, forKey: .incidents)
            let isCurrent = try container.decode(Int.self, forKey: .version) == Self.current
            series = isCurrent ? (try? container.decode([Entry].self, forKey: .series)) ?? [] : []
            calibrations =
                isCurrent ? try? container.decode([CalibrationRecord].self, forKey: .calibrations) : nil
        }
    }

    package mutating func restore(_ snapshot: [UInt8]?) async throws {
        var calibrations: [CalibrationRecord]?
        if let snapshot {
            let stored = try JSONDecoder().decode(Snapshot.self, from: Data(snapshot))
            var incidents: [Incident] = []
            for json in stored.incidents { incidents.append(try Incident(json: Array(json.utf8))) }
            calibrations = stored.calibrations
            core.restore(
                series: stored.series.compactMap { entry in
                    guard entry.entity.count == 4,
                        let state: SeriesState = try? TimeSeries.Snapshot.state(
                            from: Array(entry.state), kind: Snapshot.seriesKind, version: Snapshot.seriesVersion)
                    else { return nil }
                    let entity = Entity(
                        cluster: entry.entity[0], namespace: entry.entity[1], kind: entry.entity[2],
                        name: entry.entity[3])
                    return (SeriesID(metric: entry.metric, labels: entry.labels), entity, state)
                }, incidents: incidents)
        }
        if calibrations == nil { calibrations = try await storedCalibrations() }
        core.calibrate(Dictionary((calibrations ?? []).map { ($0.id, $0.calibration) }) { $1 })
        try await loadBaselines(replacing: false)
    }

    private func storedCalibrations() async throws -> [CalibrationRecord] {
        try await store.fields(keys.calibrations(partition)).values.compactMap { bytes in
            try? JSONDecoder().decode(CalibrationRecord.self, from: Data(bytes))
        }
    }

    package func snapshot() throws -> [UInt8]? {
        var incidents: [String] = []
        for incident in core.incidents {
            incidents.append(String(decoding: try incident.canonicalJSON(), as: UTF8.self))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let series = try core.snapshot.map { id, entity, state in
            Snapshot.Entry(
                metric: id.metric, labels: id.labels,
                entity: [entity.cluster, entity.namespace, entity.kind, entity.name],
                state: Data(
                    try TimeSeries.Snapshot.bytes(
                        of: state, kind: Snapshot.seriesKind, version: Snapshot.seriesVersion)))
        }
        let calibrations = core.calibrations.map { CalibrationRecord($0.key, $0.value) }.sorted { $0.id < $1.id }
        return Array(
            try encoder.encode(Snapshot(series: series, incidents: incidents, calibrations: calibrations)))
    }

    /// - Parameter metric: whose series are loaded; `nil` for all.
    private mutating func loadBaselines(replacing: Bool, of metric: String? = nil) async throws {
        var learned: [SeriesID: LearnedSeries] = [:]
        for (name, bytes) in try await store.fields(keys.baselines(partition)) {
            if let metric, name != metric, !name.hasPrefix("\(metric){") { continue }
            // A record of another version is passed over until the next learning run replaces it.
            guard let record = try? JSONDecoder().decode(BaselineRecord.self, from: Data(bytes)),
                "\(record.id)" == name
            else { continue }
            learned[record.id] = record.learned
        }
        core.adopt(learned, replacing: replacing)
    }

    package mutating func replay(_ entry: StreamEntry, topic: Topic) async throws {
        do {
            _ = try await fold(entry, topic)
        } catch is UnreadableEntry {
            // It was set aside when it was processed.
        }
    }

    package mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction {
        let outputs = try await fold(entry, topic)
        var transaction = Transaction()
        for output in outputs {
            switch output {
            case .anomaly(let anomaly, let isNews): try add(anomaly, isNews, to: &transaction)
            case .incident(let incident, let isNews): try add(incident, isNews, to: &transaction)
            case .calibration(let id, let calibration):
                let record = try JSONEncoder().encode(CalibrationRecord(id, calibration))
                transaction.changes.append(
                    .set(key: keys.calibrations(partition), fields: [Field("\(id)", Array(record))]))
            }
        }
        return transaction
    }

    package mutating func elapse() async throws -> Transaction { Transaction() }

    private mutating func fold(_ entry: StreamEntry, _ topic: Topic) async throws -> [AnalysisCore.Output] {
        do {
            let envelope = try Envelope(entry)
            if topic == .commands {
                let command: Command = try envelope.decode()
                if command.name == Self.baselinesLearned {
                    try await loadBaselines(replacing: true, of: command.arguments["metric"])
                }
                return ThresholdVerdict(command).map { core.fold($0) } ?? []
            }
            return core.fold(try envelope.decode())
        } catch let error as WireError {
            throw UnreadableEntry("\(error)")
        }
    }

    private func add(_ anomaly: Anomaly, _ isNews: Bool, to transaction: inout Transaction) throws {
        let json = try anomaly.canonicalJSON()
        transaction.changes += [
            .set(key: keys.anomaly(anomaly.id, partition), fields: [Field("data", json)]),
            .rank(key: keys.anomalyIndex(partition), member: anomaly.id, score: anomaly.updated.rawValue),
        ]
        guard isNews else { return }
        let envelope = try Envelope(
            anomaly, id: "\(anomaly.id)-\(anomaly.updated.rawValue)", source: "sre-analyzer", time: now(),
            trace: TraceContext(seed: anomaly.id),
            notes: [
                Field("series", "\(anomaly.series)"), Field("status", anomaly.status.rawValue),
                Field("severity", anomaly.severity.rawValue),
            ])
        transaction.changes.append(.append(stream: keys.stream(.anomalies, partition), fields: envelope.fields))
    }

    private func add(_ incident: Incident, _ isNews: Bool, to transaction: inout Transaction) throws {
        let trace = TraceContext(seed: incident.id)
        transaction.changes += [
            .set(
                key: keys.incident(incident.id, partition),
                fields: [
                    Field("data", try incident.canonicalJSON()), Field("status", incident.status.rawValue),
                    Field("traceparent", "\(trace)"),
                ]),
            .rank(key: keys.incidentIndex(partition), member: incident.id, score: incident.updated.rawValue),
        ]
        guard isNews else { return }
        let envelope = try Envelope(
            incident, id: "\(incident.id)-\(incident.revision)", source: "sre-analyzer", time: now(), trace: trace,
            notes: [
                Field("incident", incident.id), Field("status", incident.status.rawValue),
                Field("severity", incident.severity.rawValue), Field("title", incident.title),
            ])
        transaction.changes.append(.append(stream: keys.stream(.incidents, partition), fields: envelope.fields))
    }
}
