import Bus
import Logging
import Model
import Perception
import Synchronization
import TestSupport
import Testing
import WireFormat

@Suite struct WindowPlanTests {
    private let plan = WindowPlan(
        stepMilliseconds: 60_000, settleMilliseconds: 5_000, pointsPerWindow: 120, initialMilliseconds: 600_000)

    private func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

    @Test func windowsLieOnTheGridWithoutGapOrOverlap() {
        let now = at(1_000_000_123)
        let windows = plan.windows(from: at(960_000_000), now: now)
        #expect(windows.count == 6)
        var next = windows[0].from.rawValue
        for window in windows {
            #expect(window.from.rawValue == next && window.from.rawValue % 60_000 == 0)
            #expect((window.to.rawValue - window.from.rawValue) / 60_000 < 120)
            next = window.to.rawValue + 60_000
        }
        #expect(windows.last?.to == plan.newest(now: now))
        #expect(plan.windows(from: at(now.rawValue + 1), now: now).isEmpty)
    }

    @Test func aScrapeThatHasNotSettledIsNotAskedFor() {
        #expect(plan.newest(now: at(604_999)) == at(540_000))
        #expect(plan.newest(now: at(605_000)) == at(600_000))
    }

    @Test func theOldestUsableMarkDecides() {
        let now = at(100_000_000)
        #expect(plan.start(marks: [99_900_000, 99_960_000], now: now) == at(99_960_000))
        #expect(plan.start(marks: [1], now: now).rawValue >= now.rawValue - 6 * 3_600_000 - 120_000)
        #expect(plan.start(marks: [], now: now).rawValue >= now.rawValue - 720_000)
    }

    @Test func neverMoreThanElevenThousandPoints() {
        let large = WindowPlan(
            stepMilliseconds: 1, settleMilliseconds: 0, pointsPerWindow: 1_000_000, initialMilliseconds: 1)
        #expect(large.pointsPerWindow == 11_000)
    }
}

@Suite struct ObservationBuilderTests {
    private let metric = MetricDefinition(
        name: "m", query: "m", unit: "", direction: .above, role: .other,
        entity: .init(kind: "Service", nameLabels: ["service", "job"], namespaceLabel: "namespace"))

    @Test func cleansNamesAndSplits() throws {
        let window = WindowPlan.Window(from: Timestamp(milliseconds: 0), to: Timestamp(milliseconds: 4_000))
        func point(_ time: Int64, _ value: Double) -> SamplePoint {
            SamplePoint(time: Timestamp(milliseconds: time), value: value)
        }
        let points = [
            point(-1_000, 1), point(0, 1), point(1_000, .nan), point(2_000, .infinity), point(2_000, 2),
            point(1_500, 9),
            point(4_000, 3), point(5_000, 4),
        ]
        let result = RangeResult(series: [
            .init(labels: ["job": "a"], points: points),
            .init(labels: ["service": "b", "job": "x", "namespace": "other"], points: []),
        ])
        let built = ObservationBuilder(cluster: "c", defaultNamespace: "default", partitions: 16).observations(
            of: result, metric: metric, window: window, stepMilliseconds: 1_000)
        let all = built.values.flatMap(\.series).sorted { $0.entity < $1.entity }
        #expect(all.map(\.entity.namespace) == ["default", "other"] && all.map(\.entity.name) == ["a", "b"])
        #expect(all[0].samples.map(\.value) == [1, 2, 3] && all[0].missing == 2)
        #expect(all[1].samples.isEmpty && all[1].missing == 5)
        for (partition, observation) in built {
            for series in observation.series { #expect(Partition(of: series.entity) == partition) }
            #expect(try Observation(binary: observation.binary()) == observation)
        }
    }

    @Test func tooManySeriesAreCutWithAWarning() {
        let result = RangeResult(series: (0..<20).map { .init(labels: ["job": "\($0)"], points: []) })
        let window = WindowPlan.Window(from: Timestamp(milliseconds: 0), to: Timestamp(milliseconds: 0))
        let built = ObservationBuilder(cluster: "c", defaultNamespace: "d", partitions: 1, maximumSeries: 5)
            .observations(of: result, metric: metric, window: window, stepMilliseconds: 1)
        #expect(built.values.first?.series.count == 5)
        #expect(built.values.first?.warnings == ["20 series, only the first 5 are watched"])
    }
}

/// Answers every window with one point a step; fails for a while in the middle.
private final class ScriptedSource: MetricsSource {
    private let failures = Mutex(0)

    init(failures: Int) { self.failures.withLock { $0 = failures } }

    func range(
        _ query: String, from: Timestamp, to: Timestamp, stepMilliseconds: Int64
    ) async throws(SourceError) -> RangeResult {
        let fails = failures.withLock { left in
            left -= 1
            return left >= 0 && left % 3 == 0
        }
        if fails { throw SourceError(.overloaded, "429", retryAfter: .milliseconds(1)) }
        let times = stride(from: from.rawValue, through: to.rawValue, by: Int(stepMilliseconds))
        let points = times.map { SamplePoint(time: Timestamp(milliseconds: $0), value: Double($0)) }
        return RangeResult(series: [.init(labels: ["service": "shop"], points: points)])
    }

    func instant(_ query: String, at time: Timestamp?) async throws(SourceError) -> RangeResult {
        RangeResult(series: [])
    }
}

@Suite(.timeLimit(.minutes(2))) struct MetricsCollectorTests {
    /// The collector is stopped and started again, the source fails now and then: no sample is missing or doubled.
    @Test func leavesNoGapAndNoDoubleAcrossRestarts() async throws {
        let store = ModelStore()
        let keys = Keys()
        let clock = Mutex(Timestamp(milliseconds: 1_000_000_000))
        let source = ScriptedSource(failures: 5)
        let metric = MetricDefinition(
            name: "m", query: "m", unit: "", direction: .above, role: .other,
            entity: .init(kind: "Service", nameLabels: ["service"], namespaceLabel: "namespace"))
        let stream = keys.stream(.observations, Partition(cluster: "c", namespace: "d"))
        var times: [Int64] = []
        var position = EntryID.zero
        for _ in 0..<3 {
            let owners = Mutex(0)
            let collector = MetricsCollector(
                .init(
                    cluster: "c", defaultNamespace: "d", metrics: [metric],
                    plan: WindowPlan(
                        stepMilliseconds: 1_000, settleMilliseconds: 0, pointsPerWindow: 7, initialMilliseconds: 20_000),
                    shards: 1,
                    timing: LeaseTiming(
                        lease: .milliseconds(90), renewDeadline: .milliseconds(60), retry: .milliseconds(15))),
                source: source, store: store, keys: keys, logger: RedisServer.quiet, now: { clock.withLock { $0 } },
                newOwner: { "o\(owners.withLock { $0 += 1; return $0 })" }, observeBus: { _ in }, observe: { _ in })
            let running = Task { await collector.run() }
            let goal = clock.withLock(\.rawValue)
            while times.last != goal {
                _ = try await store.awaitEntries([stream: position], timeout: .seconds(20))
                for entry in try await store.entries(stream, after: position, limit: 100) {
                    position = entry.id
                    let observation: Observation = try Envelope(entry).decode()
                    times += observation.series.flatMap { $0.samples.map(\.time.rawValue) }
                }
            }
            running.cancel()
            await running.value
            // An outage of ninety seconds.
            clock.withLock { $0 = $0.advanced(bySeconds: 90) }
        }
        let first = try #require(times.first)
        #expect(times == Array(stride(from: first, through: 1_000_180_000, by: 1_000)))
        #expect(1_000_000_000 - first <= 20_000)
    }
}
