import Bus
import Diagnosis
import Foundation
import Model
import TestSupport
import Testing
import TimeSeries
import WireFormat

@testable import Analyzer

@Suite struct AnalysisTests {
    private let configuration = AnalyzerConfiguration(metrics: [
        WatchedMetric(name: "memory", role: .memory, detector: DetectorConfiguration(direction: .above)),
        WatchedMetric(name: "traffic", role: .traffic, detector: DetectorConfiguration(direction: .both)),
    ])
    private let start: Int64 = 1_770_336_000_000

    private func value(_ metric: String, _ time: Int64, leak: Double) -> Double {
        let day = Double(time % 86_400_000) / 86_400_000
        var noise = SeededGenerator(seed: UInt64(time))
        let ripple = Double.random(in: -2...2, using: &noise)
        return metric == "memory"
            ? 300 + 30 * sin(2 * .pi * day) + ripple + leak : 50 + 10 * sin(2 * .pi * day) + ripple / 4
    }

    private func baselines() throws -> [SeriesID: LearnedSeries] {
        var learned: [SeriesID: LearnedSeries] = [:]
        for metric in ["memory", "traffic"] {
            let samples = stride(from: start - 7 * 86_400_000, to: start, by: 60_000).map {
                Sample(timestamp: $0, value: value(metric, $0, leak: 0))
            }
            learned[SeriesID(metric: metric, labels: ["service": "shop"])] = LearnedSeries(
                baseline: try Baseline.learn(from: samples))
        }
        return learned
    }

    private func observation(_ metric: String, _ step: Int64, leak: Double) -> Observation {
        let time = start + step * 2_000
        return Observation(
            metric: metric, unit: "MiB", direction: .above, limit: metric == "memory" ? 4_000 : nil,
            from: Timestamp(milliseconds: time), to: Timestamp(milliseconds: time), stepMilliseconds: 2_000,
            series: [
                ObservedSeries(
                    id: SeriesID(metric: metric, labels: ["service": "shop"]), entity: Fixtures.target,
                    samples: [
                        SamplePoint(time: Timestamp(milliseconds: time), value: value(metric, time, leak: leak))
                    ])
            ])
    }

    /// Thirty calm steps, a leak for sixty, calm again.
    private func run() -> [Observation] {
        (0..<150).flatMap { step -> [Observation] in
            let leak = (30..<90).contains(step) ? Double(step - 30) * 4 : 0
            return [observation("traffic", Int64(step), leak: 0), observation("memory", Int64(step), leak: leak)]
        }
    }

    @Test func aLeakBecomesOneIncidentWithACauseAndAForecastAndEnds() throws {
        var core = AnalysisCore(configuration: configuration)
        core.adopt(try baselines(), replacing: true)
        var anomalies: [Anomaly] = []
        var incidents: [Incident] = []
        for observation in run() {
            for output in core.fold(observation) {
                switch output {
                case .anomaly(let anomaly, _): anomalies.append(anomaly)
                case .incident(let incident, _): incidents.append(incident)
                case .calibration: Issue.record("nobody said anything")
                }
            }
        }
        #expect(Set(anomalies.map(\.id)).count == 1)
        #expect(Set(incidents.map(\.id)).count == 1)
        let open = try #require(anomalies.first)
        #expect(open.value > open.upper && open.score >= 0.7)
        #expect(open.seenBy.contains("mad") && !open.seenBy.contains("ensemble") && open.threshold == 0.7)
        #expect(open.explanation.contains("seen by") && open.explanation.contains("since \(open.started)"))
        #expect(open.explanation.contains("declared for memory"))
        let worst = try #require(anomalies.map(\.score).max())
        #expect(anomalies.last?.peakScore ?? 0 >= worst)
        let forecast = try #require(anomalies.last { $0.status == .open && $0.forecast?.p50 != nil }?.forecast)
        let p50 = try #require(forecast.p50)
        // 120 MiB a minute toward 4,000 MiB from about 350.
        #expect((1_200...2_600).contains(p50))
        #expect(try #require(forecast.p10) <= p50)
        let suspect = try #require(incidents.first?.suspects.first)
        #expect(suspect.cause == "memory-leak")
        #expect(suspect.evidence.contains { $0.statement.contains("traffic does not grow") })
        #expect(anomalies.last?.status == .closed)
        #expect(incidents.last?.status == .resolved)
    }

    @Test func takingOverInTheMiddleChangesNothing() throws {
        let learned = try baselines()
        var whole = AnalysisCore(configuration: configuration)
        whole.adopt(learned, replacing: true)
        let expected = run().flatMap { whole.fold($0) }
        for cut in [1, 60, 95, 130, 250] {
            var before = AnalysisCore(configuration: configuration)
            before.adopt(learned, replacing: true)
            var outputs = run()[..<cut].flatMap { before.fold($0) }
            let states: [SeriesState] = try before.snapshot.map {
                try Snapshot.state(from: Snapshot.bytes(of: $0.2, kind: "state", version: 1), kind: "state", version: 1)
            }
            var after = AnalysisCore(configuration: configuration)
            after.restore(
                series: zip(before.snapshot, states).map { ($0.0, $0.1, $1) }, incidents: before.incidents)
            after.adopt(learned, replacing: false)
            outputs += run()[cut...].flatMap { after.fold($0) }
            #expect(outputs == expected, "cut at \(cut)")
        }
    }

    @Test func unknownMetricsOldSamplesAndMissingBaselinesAreQuiet() throws {
        var core = AnalysisCore(configuration: configuration)
        #expect(core.fold(observation("memory", 0, leak: 9_999)).isEmpty)
        core.adopt(try baselines(), replacing: true)
        #expect(core.fold(observation("other", 1, leak: 0)).isEmpty)
        for _ in 0..<20 { #expect(core.fold(observation("memory", 2, leak: 9_999)).isEmpty) }
    }
}

@Suite struct SnapshotTests {
    private let partition = Partition(of: Fixtures.target, count: 16)

    private func session(_ store: ModelStore) -> AnalyzerSession {
        AnalyzerSession(
            partition: partition, configuration: AnalyzerConfiguration(metrics: []), store: store, keys: Keys(),
            now: { Fixtures.now })
    }

    @Test func statesOfAnotherVersionBeginAnewAndIncidentsAreKept() async throws {
        var correlator = Correlator()
        let ranker = CauseRanker(roles: [:])
        let change = try #require(
            correlator.take(Fixtures.anomaly()) { ranker.rank(anomalies: $0, context: []) })
        let incident = String(decoding: try change.incident.canonicalJSON(), as: UTF8.self)
        let quoted = String(decoding: try JSONEncoder().encode([incident]), as: UTF8.self)
        for version in [1, 3, 4, 9] {
            var session = session(ModelStore())
            let stored = "{\"version\":\(version),\"series\":[{\"other\":1}],\"incidents\":\(quoted)}"
            try await session.restore(Array(stored.utf8))
            let snapshot = String(decoding: try #require(try session.snapshot()), as: UTF8.self)
            #expect(snapshot.contains(change.incident.id))
            #expect(snapshot.contains("\"series\":[]") && snapshot.contains("\"version\":4"))
        }
    }

    @Test func truncatedSnapshotIsAnErrorAndNoTrap() async throws {
        var session = session(ModelStore())
        await #expect(throws: (any Error).self) { try await session.restore(Array("{\"version\":4,\"ser".utf8)) }
    }

    @Test func baselineThatDoesNotDecodeIsPassedOver() async throws {
        let store = ModelStore()
        let keys = Keys()
        guard
            case .committed = try await store.transition(
                Transaction(changes: [
                    .set(key: keys.baselines(partition), fields: [Field("memory{}", Array("{\"metric\":".utf8))])
                ]))
        else {
            Issue.record("not stored")
            return
        }
        var session = session(store)
        try await session.restore(nil)
        #expect(try session.snapshot() != nil)
    }
}

@Suite struct CorrelatorTests {
    private func take(_ correlator: inout Correlator, _ anomaly: Anomaly) -> Correlator.Change? {
        let ranker = CauseRanker(roles: ["memory": .memory])
        return correlator.take(anomaly) { ranker.rank(anomalies: $0, context: []) }
    }

    @Test func aNamespaceWithinTenMinutesIsOneIncidentAndAnotherNamespaceIsNot() throws {
        var correlator = Correlator()
        let first = try #require(take(&correlator, Fixtures.anomaly()))
        var neighbour = Fixtures.target
        neighbour.name = "cart"
        let second = try #require(
            take(
                &correlator,
                Fixtures.anomaly(id: "ANO-2", started: Fixtures.now.advanced(bySeconds: 60), entity: neighbour)))
        #expect(second.incident.id == first.incident.id)
        #expect(second.incident.suspects.first?.entity == Fixtures.target)
        var elsewhere = Fixtures.target
        elsewhere.namespace = "other"
        #expect(take(&correlator, Fixtures.anomaly(id: "ANO-3", entity: elsewhere))?.incident.id != first.incident.id)
        let late = Fixtures.anomaly(
            id: "ANO-4", started: Fixtures.now.advanced(bySeconds: 3_600),
            entity: {
                var entity = Fixtures.target
                entity.name = "late"
                return entity
            }())
        #expect(take(&correlator, late)?.incident.id != first.incident.id)
    }

    @Test func repetitionIsNoNewsAndTheEndOfAllIsTheEnd() throws {
        var correlator = Correlator()
        #expect(take(&correlator, Fixtures.anomaly())?.isNews == true)
        #expect(take(&correlator, Fixtures.anomaly())?.isNews == false)
        #expect(take(&correlator, Fixtures.anomaly(status: .closed))?.incident.status == .resolved)
        #expect(take(&correlator, Fixtures.anomaly(id: "ANO-9", status: .closed)) == nil)
    }
}
