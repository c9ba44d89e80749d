import Bus
import Foundation
import Logging
import Model
import TestSupport
import Testing
import TimeSeries
import WireFormat

@testable import Analyzer

/// Learning at the start, on command, and with limits from elsewhere.
@Suite(.timeLimit(.minutes(2))) struct LearnerTests {
    private static let end: Int64 = 1_770_336_000_000

    /// Four days of a wave for each metric, and an alerting rule for one.
    private struct Source: HistorySource {
        func history(of metric: String, days: Double) async throws -> [HistorySeries] {
            var series = HistorySeries(
                id: SeriesID(metric: metric, labels: ["service": "shop"]), entity: Fixtures.target,
                start: LearnerTests.end - 4 * 86_400_000, step: 300_000)
            for place in 0..<1_152 {
                var noise = SeededGenerator(seed: UInt64(place))
                let value = 100 + 20 * sin(2 * .pi * Double(place) / 288) + Double.random(in: -2...2, using: &noise)
                series.append(Sample(timestamp: series.start + Int64(place) * series.step, value: value))
            }
            let short = HistorySeries(
                id: SeriesID(metric: metric, labels: ["service": "new"]), entity: Fixtures.target, samples: [])
            return [series, short]
        }

        func limits(of metric: String) async throws -> [FoundLimit] {
            guard metric == "queue" else { throw CancellationError() }
            return [
                FoundLimit(
                    labels: ["service": "shop"], limit: SeriesLimit(value: 200, source: .alertRule, reason: "alert A"))
            ]
        }
    }

    @Test func learnsEverythingFirstAndThenWhatIsAskedFor() async throws {
        let store = ModelStore()
        let keys = Keys()
        let (stream, continuation) = AsyncStream.makeStream(of: LearningEvent.self)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let learner = BaselineLearner(
            configuration: AnalyzerConfiguration(
                metrics: ["queue", "memory"].map {
                    WatchedMetric(
                        name: $0, role: .saturation, detector: DetectorConfiguration(), choosesAlgorithms: $0 == "queue"
                    )
                }),
            history: Source(), store: store, keys: keys, partitions: 16, timing: .partition, logger: logger,
            now: { Timestamp(milliseconds: Self.end) }, newOwner: { UUID().uuidString }, observeBus: { _ in },
            observe: { continuation.yield($0) })
        let task = Task { await learner.run() }
        defer { task.cancel() }
        var runs: [[String]] = []
        var metrics: [String] = []
        for await event in stream {
            switch event {
            case .started: metrics = []
            case .learned(let metric, let series, let skipped, _, _):
                #expect(series == 1 && skipped == 1)
                metrics.append(metric)
            case .finished:
                runs.append(metrics)
                if runs.count == 2 { continuation.finish() }
                let asked = Field(BaselineLearner.requestField("queue"), "\(Self.end + 1)")
                _ = try await store.transition(
                    Transaction(changes: [.set(key: BaselineLearner.statusKey(keys), fields: [asked])]))
            }
        }
        #expect(runs == [["memory", "queue"], ["queue"]])

        let partition = Partition(of: Fixtures.target, count: 16)
        let records = try await store.fields(keys.baselines(partition)).values.map {
            try JSONDecoder().decode(BaselineRecord.self, from: Data($0))
        }
        let queue = try #require(records.first { $0.metric == "queue" }?.learned)
        #expect(queue.limit?.source == .alertRule && queue.choice != nil && queue.ensemble != nil)
        #expect(queue.baseline.season == .daily && queue.outline.samples.count > 1_000)
        // The rules did not answer for the other one; that is no reason not to learn.
        let memory = try #require(records.first { $0.metric == "memory" }?.learned)
        #expect(memory.limit == nil && memory.choice == nil)

        let told = try await store.entries(keys.stream(.commands, partition), after: .zero, limit: 10)
        #expect(told.compactMap { $0.text("metric") }.prefix(3) == ["memory", "queue", "queue"])
    }

    @Test func aRecordOfAnotherVersionOrCutOffIsRefused() throws {
        let learned = LearnedSeries(
            baseline: try Baseline.learn(
                from: (0..<1_200).map { Sample(timestamp: Int64($0) * 300_000, value: Double($0 % 7)) }))
        let record = BaselineRecord(
            SeriesID(metric: "m"), learnedAt: Timestamp(milliseconds: 1), learned: learned)
        let stored = try JSONEncoder().encode(record)
        #expect(try JSONDecoder().decode(BaselineRecord.self, from: stored) == record)
        var object = try #require(try JSONSerialization.jsonObject(with: stored) as? [String: Any])
        #expect((object["summary"] as? String)?.contains("learned from 1200 points") == true)
        let state = try #require((object["state"] as? String).flatMap { Data(base64Encoded: $0) })
        for bytes in [
            Array(state.dropLast()), Array(try Snapshot.bytes(of: learned, kind: "learned-series", version: 99)),
            Array("nonsense".utf8), [],
        ] {
            object["state"] = Data(bytes).base64EncodedString()
            let changed = try JSONSerialization.data(withJSONObject: object)
            #expect(throws: SnapshotError.self) { try JSONDecoder().decode(BaselineRecord.self, from: changed) }
        }
    }
}
