import AsyncHTTPClient
import Bus
import Logging
import Model
import Perception
import Prometheus
import RedisBus
import Synchronization
import TestSupport
import Testing
import WireFormat

/// The collector between a real Prometheus that fails now and then and a real Redis.
@Suite(.timeLimit(.minutes(2))) struct CatchUpTests {
    private static let begin: Int64 = 1_760_000_040

    @Test func anOutageLeavesNoGap() async throws {
        var text = "# TYPE requests gauge\n"
        for step in 0..<720 { text += "requests{service=\"shop\"} \(step) \(Self.begin + Int64(step) * 10)\n" }
        let prometheus = try PrometheusServer(openMetrics: text + "# EOF\n")
        let redis = try RedisServer()
        let proxy = FaultProxy(upstream: prometheus.url)
        let clock = Mutex(Timestamp(milliseconds: (Self.begin + 600) * 1_000))
        let values = try await proxy.use { url in
            try await redis.use { _, store in
                try await store.ensureLibrary()
                let keys = Keys()
                let stream = keys.stream(.observations, Partition(cluster: "c", namespace: "d"))
                var values: [Double] = []
                var position = EntryID.zero
                for round in 0..<3 {
                    proxy.inject([.status(503), .status(429, retryAfter: 0), .truncated(20)])
                    let collector = Self.collector(url, store, keys, name: "o\(round)") { clock.withLock { $0 } }
                    let running = Task { await collector.run() }
                    let goal = clock.withLock { Double(($0.rawValue / 1_000 - Self.begin) / 10) }
                    while values.last != goal {
                        _ = try await store.awaitEntries([stream: position], timeout: .seconds(20))
                        for entry in try await store.entries(stream, after: position, limit: 100) {
                            position = entry.id
                            let observation: Observation = try Envelope(entry).decode()
                            values += observation.series.flatMap { $0.samples.map(\.value) }
                        }
                    }
                    running.cancel()
                    await running.value
                    // Half an hour during which nobody collects.
                    clock.withLock { $0 = $0.advanced(bySeconds: 1_800) }
                }
                return values
            }
        }
        let first = try #require(values.first)
        #expect(values == Array(stride(from: first, through: 420, by: 1)))
        #expect(first <= 60)
    }

    private static func collector(
        _ url: String, _ store: some BusStore, _ keys: Keys, name: String, now: @escaping @Sendable () -> Timestamp
    ) -> MetricsCollector {
        let metric = MetricDefinition(
            name: "requests", query: "requests", unit: "", direction: .above, role: .traffic,
            entity: .init(kind: "Service", nameLabels: ["service"], namespaceLabel: "namespace"))
        let owners = Mutex(0)
        return MetricsCollector(
            .init(
                cluster: "c", defaultNamespace: "d", metrics: [metric],
                plan: WindowPlan(
                    stepMilliseconds: 10_000, settleMilliseconds: 0, pointsPerWindow: 50, initialMilliseconds: 300_000),
                shards: 1,
                timing: LeaseTiming(
                    lease: .milliseconds(900), renewDeadline: .milliseconds(600), retry: .milliseconds(150))),
            source: PrometheusClient(url: url, http: .shared), store: store, keys: keys, logger: RedisServer.quiet,
            now: now, newOwner: { "\(name)-\(owners.withLock { $0 += 1; return $0 })" }, observeBus: { _ in },
            observe: { _ in })
    }
}
