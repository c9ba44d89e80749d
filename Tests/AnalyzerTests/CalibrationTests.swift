import Bus
import Foundation
import Model
import TestSupport
import Testing
import TimeSeries
import WireFormat

@testable import Analyzer

/// What people say, limits that were found, and series that flap.
@Suite struct CalibrationTests {
    private let start: Int64 = 1_770_336_000_000
    private let id = SeriesID(metric: "queue", labels: ["pool": "a"])

    private func noise(_ time: Int64) -> Double {
        var generator = SeededGenerator(seed: UInt64(time))
        return Double.random(in: -2...2, using: &generator)
    }

    private func learned(limit: SeriesLimit? = nil, choice: DetectorChoice? = nil) throws -> LearnedSeries {
        let samples = stride(from: start - 7 * 86_400_000, to: start, by: 60_000).map {
            Sample(timestamp: $0, value: 100 + noise($0))
        }
        return LearnedSeries(
            baseline: try Baseline.learn(from: samples), choice: choice, limit: limit, outline: SeriesOutline(samples))
    }

    private func core(
        _ learned: LearnedSeries, detector: DetectorConfiguration = .init(algorithms: [.mad])
    ) -> AnalysisCore {
        var core = AnalysisCore(
            configuration: AnalyzerConfiguration(metrics: [
                WatchedMetric(name: "queue", role: .saturation, detector: detector, choosesAlgorithms: true)
            ]))
        core.adopt([id: learned], replacing: true)
        return core
    }

    private func observation(_ minute: Int, _ value: Double) -> Observation {
        let time = Timestamp(milliseconds: start + Int64(minute) * 60_000)
        return Observation(
            metric: "queue", unit: "count", direction: .both, limit: nil, from: time, to: time,
            stepMilliseconds: 60_000,
            series: [
                ObservedSeries(id: id, entity: Fixtures.target, samples: [SamplePoint(time: time, value: value)])
            ])
    }

    private func anomalies(_ outputs: [AnalysisCore.Output]) -> [(anomaly: Anomaly, isNews: Bool)] {
        outputs.compactMap {
            guard case .anomaly(let anomaly, let isNews) = $0 else { return nil }
            return (anomaly, isNews)
        }
    }

    @Test func aFlappingSeriesIsToldOnce() throws {
        var core = core(try learned())
        var told: [Anomaly] = []
        var incidents: Set<String> = []
        // A quarter of an hour up, a quarter down, for four hours, then calm.
        for minute in 0..<360 {
            let value = minute < 240 && (minute / 15) % 2 == 0 ? 150.0 : 100
            for output in core.fold(observation(minute, value + noise(Int64(minute)))) {
                switch output {
                case .anomaly(let anomaly, let isNews): if isNews { told.append(anomaly) }
                case .incident(let incident, _): incidents.insert(incident.id)
                case .calibration: Issue.record("nobody said anything")
                }
            }
        }
        // Opened, closed after the first quarter of an hour, and closed for good when the flapping was over.
        #expect(told.map(\.status) == [.open, .closed, .closed])
        #expect(Set(told.map(\.id)).count == 1 && incidents.count == 1)
        #expect(told.last?.started == told.first?.started)
        let end = try #require(told.last?.ended)
        #expect(end.rawValue == start + (225 - 1) * 60_000)
    }

    @Test func twoAnomaliesFarApartAreTwo() throws {
        var core = core(try learned())
        let outputs = (0..<300).flatMap { minute in
            core.fold(
                observation(minute, (minute < 10 || (200..<210).contains(minute) ? 150 : 100) + noise(Int64(minute))))
        }
        #expect(Set(anomalies(outputs).map(\.anomaly.id)).count == 2)
    }

    @Test func aSeriesThatFillsAtItsUsualPaceWarnsBeforeItsFoundLimit() throws {
        let samples = stride(from: start - 7 * 86_400_000, to: start, by: 60_000).map { time in
            Sample(timestamp: time, value: Double(time - start) / 3_600_000 * 0.5 + 98 + noise(time) / 40)
        }
        let limit = SeriesLimit(value: 100, source: .alertRule, reason: "alert PoolFull fires above it")
        let filling = LearnedSeries(
            baseline: try Baseline.learn(from: samples), limit: limit, outline: SeriesOutline(samples))
        // A band so wide that nothing is unusual.
        var core = core(filling, detector: DetectorConfiguration(minimumDeviation: 1_000, algorithms: [.mad]))
        let outputs = (1...60).flatMap { minute in
            core.fold(observation(minute, 98 + Double(minute) / 120 + noise(Int64(minute)) / 40))
        }
        let warning = try #require(anomalies(outputs).first?.anomaly)
        #expect(warning.seenBy == [BreachWatch.name])
        let forecast = try #require(warning.forecast)
        #expect(forecast.source == .alertRule && forecast.reason == limit.reason && forecast.limit == 100)
        // Two units at half a unit an hour, less what has passed.
        #expect((2.5 * 3_600...4.5 * 3_600).contains(try #require(forecast.p50)))
        #expect(warning.explanation.contains("alert PoolFull"))
    }

    @Test func aLearnedLimitStandsWithAnAnomalyButRaisesNone() throws {
        let limit = SeriesLimit(value: 104, source: .learned, reason: "seen before")
        var core = core(try learned(limit: limit))
        var outputs = (1...120).flatMap { core.fold(observation($0, 100 + Double($0) / 60 + noise(Int64($0)))) }
        #expect(anomalies(outputs).isEmpty)
        outputs = (121...130).flatMap { core.fold(observation($0, 150)) }
        #expect(anomalies(outputs).first?.anomaly.forecast?.source == .learned)
    }

    @Test func feedbackMovesTheThresholdOfItsSeriesOnceAndWithinBounds() throws {
        var core = core(try learned())
        func verdict(_ isTrue: Bool, _ reference: String) -> ThresholdVerdict {
            ThresholdVerdict(series: id, change: .verdict(score: 0.8, isTrue: isTrue), reference: reference)
        }
        _ = core.fold(observation(0, 100))
        #expect(core.series[id]?.detector?.threshold == 0.7)
        guard case .calibration(id, let first) = core.fold(verdict(false, "ANO-1")).first else {
            Issue.record("no calibration")
            return
        }
        #expect(abs(first.threshold - 0.755) < 1e-9)
        #expect(core.series[id]?.detector?.threshold == first.threshold)
        _ = core.fold(verdict(false, "ANO-1"))
        #expect(core.calibrations[id]?.threshold == first.threshold)
        for number in 2..<60 {
            _ = core.fold(
                ThresholdVerdict(series: id, change: .verdict(score: 1, isTrue: false), reference: "ANO-\(number)"))
        }
        #expect(core.calibrations[id]?.threshold ?? 2 <= ThresholdFeedback.bounds.upperBound)
        // A change of the configuration begins anew.
        var other = self.core(try learned(), detector: DetectorConfiguration(threshold: 0.8, algorithms: [.mad]))
        _ = other.fold(observation(0, 100))
        other.calibrate(core.calibrations)
        #expect(other.series[id]?.detector?.threshold == 0.8)
        let unknown = ThresholdVerdict(
            series: SeriesID(metric: "other"), change: .threshold(0.9), reference: "PRO-1")
        #expect(core.fold(unknown).isEmpty)
    }

    @Test func commandsCarryVerdictsAndNothingElseIsOne() throws {
        for change in [
            ThresholdVerdict.Change.verdict(score: 0.93, isTrue: false), .verdict(score: 1, isTrue: true),
            .threshold(0.85),
        ] {
            let verdict = ThresholdVerdict(series: id, change: change, reference: "ANO-1")
            #expect(ThresholdVerdict(verdict.command(requester: "me")) == verdict)
        }
        for arguments in [
            [:], ["metric": "m"], ["metric": "m", "score": "2", "true_alarm": "true"],
            ["metric": "m", "score": "nan", "true_alarm": "true"],
            ["metric": "m", "score": "0.9", "true_alarm": "maybe"],
        ] {
            let command = Command(name: ThresholdVerdict.feedbackCommand, requester: "me", arguments: arguments)
            #expect(ThresholdVerdict(command) == nil)
        }
        #expect(ThresholdVerdict(Command(name: "baseline.learned", requester: "me", arguments: ["metric": "m"])) == nil)
    }

    @Test func chosenAlgorithmsWatchUnlessTheMapNamesSome() throws {
        let choice = DetectorChoice(algorithms: [.ewma], reason: "because")
        var core = core(try learned(choice: choice))
        _ = core.fold(observation(0, 100))
        #expect(core.series[id]?.last?.members.map(\.name) == ["ewma"])
        core.adopt([id: try learned()], replacing: true)
        _ = core.fold(observation(1, 100))
        #expect(core.series[id]?.last?.members.map(\.name) == ["mad"])
    }

    @Test func thresholdsSurviveASnapshotOfAnotherVersion() async throws {
        let store = ModelStore()
        let keys = Keys()
        let partition = Partition(of: Fixtures.target, count: 16)
        let configuration = AnalyzerConfiguration(metrics: [
            WatchedMetric(name: "queue", role: .saturation, detector: DetectorConfiguration())
        ])
        func session() -> AnalyzerSession {
            AnalyzerSession(
                partition: partition, configuration: configuration, store: store, keys: keys, now: { Fixtures.now })
        }
        var first = session()
        try await first.restore(nil)
        let verdict = ThresholdVerdict(series: id, change: .threshold(0.9), reference: "PRO-1")
        let envelope = try Envelope(
            verdict.command(requester: "me"), id: "1", source: "test", time: Fixtures.now,
            trace: TraceContext(seed: "1"))
        let entry = StreamEntry(id: EntryID(milliseconds: 1, sequence: 0), fields: envelope.fields)
        let transaction = try await first.process(entry, topic: .commands)
        #expect(transaction.changes.count == 1)
        _ = try await store.transition(transaction)
        for snapshot in [try first.snapshot(), nil, Array("{\"version\":1,\"series\":[],\"incidents\":[]}".utf8)] {
            var second = session()
            try await second.restore(snapshot)
            let stored = String(decoding: try #require(try second.snapshot()), as: UTF8.self)
            #expect(stored.contains("\"threshold\":0.9"))
        }
    }
}

@Suite struct LimitTests {
    @Test func theMostReliableAndMostSpecificLimitWins() {
        func found(_ labels: [String: String], _ value: Double, _ source: SeriesLimit.Source) -> FoundLimit {
            FoundLimit(labels: labels, limit: SeriesLimit(value: value, source: source))
        }
        let all = [
            found([:], 90, .alertRule), found([:], 80, .alertRule), found(["pool": "a"], 95, .alertRule),
            found(["pool": "b"], 10, .companion), found(["pool": "c"], 70, .companion),
        ]
        func best(_ pool: String) -> Double? {
            FoundLimit.best(all, for: SeriesID(metric: "m", labels: ["pool": pool, "x": "y"]))?.value
        }
        #expect(best("a") == 95 && best("b") == 10 && best("c") == 70 && best("d") == 80)
        #expect(FoundLimit.best([], for: SeriesID(metric: "m")) == nil)
    }

    @Test func historiesOnAGridComeBack() {
        var series = HistorySeries(
            id: SeriesID(metric: "m"), entity: Fixtures.target, start: 1_000, step: 10)
        for (time, value) in [
            (1_000, 1.0), (1_010, 2), (1_010, 9), (1_040, .nan), (1_050, 4), (990, 7), (1_060, 1e300),
        ] {
            series.append(Sample(timestamp: Int64(time), value: value))
        }
        #expect(series.samples.map(\.timestamp) == [1_000, 1_010, 1_050])
        #expect(series.samples.map(\.value) == [1, 2, 4])
    }
}
