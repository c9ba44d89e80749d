import Bus
import Foundation
import Logging
import Model
import TestSupport
import Testing
import TimeSeries
import WireFormat

@testable import Analyzer

/// Detection goes on while a long history is learned, and the new models of a metric come into use at once.
@Suite(.timeLimit(.minutes(4))) struct RelearningTests {
    private static let now: Int64 = 1_770_336_000_000
    private static let day: Int64 = 86_400_000
    private static let metric = "queue"
    private static let services = (0..<8).map { "s\($0)" }

    private static func id(_ service: String) -> SeriesID { SeriesID(metric: metric, labels: ["service": service]) }

    private static func value(_ level: Double, _ time: Int64) -> Double {
        var noise = SeededGenerator(seed: UInt64(time))
        return level + Double.random(in: -2...2, using: &noise)
    }

    private static func history(_ service: String, level: Double, days: Int64) -> HistorySeries {
        let (points, step) = (Int(days * 288), day / 288)
        var series = HistorySeries(
            id: id(service), entity: Fixtures.target, start: now - days * day, step: step, points: points)
        for place in 0..<points {
            let time = series.start + Int64(place) * step
            series.append(Sample(timestamp: time, value: value(level, time)))
        }
        return series
    }

    /// Thirty days around 150, once somebody lets it answer.
    private actor Source: HistorySource {
        private var isOpen = false
        private var waiting: CheckedContinuation<Void, Never>?
        private(set) var isAsked = false
        private(set) var bytes = 0

        func open() {
            isOpen = true
            waiting?.resume()
            waiting = nil
        }

        func history(of metric: String, days: Double) async throws -> [HistorySeries] {
            isAsked = true
            if !isOpen { await withCheckedContinuation { waiting = $0 } }
            let all = RelearningTests.services.map {
                RelearningTests.history($0, level: 150, days: Int64(days))
            }
            bytes = all.reduce(0) { $0 + $1.heapBytes }
            return all
        }
    }

    private let store = ModelStore()
    private let keys = Keys()
    private let partition = Partition(of: Fixtures.target, count: 16)
    private let configuration = AnalyzerConfiguration(
        metrics: [
            WatchedMetric(
                name: RelearningTests.metric, role: .saturation,
                detector: DetectorConfiguration(algorithms: [.mad]))
        ], learningDays: 30)

    /// What was learned some hours ago, of a week around 100, and a run that is asked for.
    private func prepare() async throws {
        let old = try Self.services.map { service in
            let samples = Self.history(service, level: 100, days: 7).samples
            let record = BaselineRecord(
                Self.id(service), learnedAt: Timestamp(milliseconds: Self.now - 3_600_000),
                learned: LearnedSeries(baseline: try Baseline.learn(from: samples)))
            return Field("\(record.id)", Array(try JSONEncoder().encode(record)))
        }
        let status = [
            Field(BaselineLearner.learnedField(), "\(Self.now - 3_600_000)"),
            Field(BaselineLearner.requestField(), "\(Self.now)"),
        ]
        let stored = try await store.transition(
            Transaction(changes: [
                .set(key: keys.baselines(partition), fields: old),
                .set(key: BaselineLearner.statusKey(keys), fields: status),
            ]))
        guard case .committed = stored else { throw BusError(.corrupt, "not stored") }
    }

    private func learner(_ source: Source, observe: @escaping @Sendable (LearningEvent) -> Void) -> BaselineLearner {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return BaselineLearner(
            configuration: configuration, history: source, store: store, keys: keys, partitions: 16,
            timing: .partition, logger: logger, now: { Timestamp(milliseconds: Self.now) },
            newOwner: { UUID().uuidString }, observeBus: { _ in }, observe: observe)
    }

    /// The expected value of each series, as the session's state has it.
    private func expected(_ session: AnalyzerSession) throws -> [Double] {
        struct Stored: Decodable {
            struct Entry: Decodable { var state: Data }
            var series: [Entry]
        }
        let bytes = try #require(try session.snapshot())
        return try JSONDecoder().decode(Stored.self, from: Data(bytes)).series.compactMap { entry in
            let state: SeriesState = try Snapshot.state(from: Array(entry.state), kind: "series-state", version: 2)
            return state.detector?.baseline.band(at: Self.now).expected
        }
    }

    /// A sample of each series.
    private func entry(_ number: Int, level: Double) throws -> StreamEntry {
        let time = Timestamp(milliseconds: Self.now + Int64(number) * 60_000)
        let observation = Observation(
            metric: Self.metric, unit: "count", direction: .both, limit: nil, from: time, to: time,
            stepMilliseconds: 60_000,
            series: Self.services.map { service in
                ObservedSeries(
                    id: Self.id(service), entity: Fixtures.target,
                    samples: [SamplePoint(time: time, value: Self.value(level, time.rawValue))])
            })
        let envelope = try Envelope(
            observation, id: "o\(number)", source: "test", time: time, trace: TraceContext(seed: "o\(number)"))
        return StreamEntry(id: EntryID(milliseconds: UInt64(1 + number), sequence: 0), fields: envelope.fields)
    }

    /// Anomalies that people are told of.
    private func alarms(_ transaction: Transaction) -> Int {
        transaction.changes.count {
            if case .append(let stream, _) = $0 { stream == keys.stream(.anomalies, partition) } else { false }
        }
    }

    @Test func alarmsAreRaisedWhileThirtyDaysAreLearnedAndModelsChangeAtOnce() async throws {
        try await prepare()
        var session = AnalyzerSession(
            partition: partition, configuration: configuration, store: store, keys: keys,
            now: { Timestamp(milliseconds: Self.now) })
        try await session.restore(nil)
        let source = Source()
        let (events, continuation) = AsyncStream.makeStream(of: LearningEvent.self)
        let learner = learner(source) { continuation.yield($0) }
        let task = Task { await learner.run() }
        defer { task.cancel() }
        var iterator = events.makeAsyncIterator()
        guard case .started = await iterator.next() else {
            Issue.record("learning did not start")
            return
        }

        // The learner waits for its history. Values around 150 are unusual to models that know 100.
        var number = 0
        func take(_ level: Double) async throws -> Int {
            number += 1
            return alarms(try await session.process(try entry(number, level: level), topic: .observations))
        }
        for _ in 0..<10 { #expect(try await take(100) == 0) }
        var raised = 0
        for _ in 0..<10 { raised += try await take(150) }
        #expect(raised == Self.services.count)
        for _ in 0..<30 { _ = try await take(100) }

        // It computes; what comes meanwhile is scored by the models of before, all of them.
        await source.open()
        let learning = Task {
            var iterator = iterator
            while let event = await iterator.next() {
                if case .finished(let series, _) = event { return series }
            }
            return 0
        }
        raised = 0
        for step in 0..<20 {
            raised += try await take(step < 10 ? 150 : 100)
            #expect(try expected(session).allSatisfy { abs($0 - 100) < 1 })
        }
        #expect(raised >= Self.services.count)
        #expect(await learning.value == Self.services.count)
        _ = try await take(100)
        #expect(try expected(session).allSatisfy { abs($0 - 100) < 1 })

        // The command that tells of the new models changes all of them in one step.
        let commands = try await store.entries(keys.stream(.commands, partition), after: .zero, limit: 10)
        #expect(commands.count == 1)
        for command in commands { _ = try await session.process(command, topic: .commands) }
        let after = try expected(session)
        #expect(after.count == Self.services.count && after.allSatisfy { abs($0 - 150) < 1 })
        raised = 0
        for _ in 0..<40 { raised += try await take(150) }
        #expect(raised == 0)
        for _ in 0..<10 { raised += try await take(100) }
        #expect(raised == Self.services.count)

        // 8,640 points of a series in single precision.
        #expect(await source.bytes <= Self.services.count * 40 * 1_024)
    }
}
