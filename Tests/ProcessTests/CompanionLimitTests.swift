import Analyzer
import Bus
import Foundation
import Model
import RedisBus
import TestSupport
import Testing
import TimeSeries
import WireFormat

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A limit that is another metric, from a real node exporter by a real Prometheus to the forecast of the analyzer.
@Suite(.timeLimit(.minutes(5))) struct CompanionLimitTests {
    private static let query = "max by (instance, service) (service_memory_bytes)"
    private static let total = "min by (instance) (node_memory_MemTotal_bytes)"

    private let exporter: NodeExporter
    private let server: PrometheusServer
    private let redis: RedisServer
    /// Unix seconds of the newest sample.
    private let now = Int64(Date().timeIntervalSince1970) / 60 * 60
    /// Bytes of memory that the machine has.
    private let memory: Double
    private let environment: [String: String]

    /// Bytes that the service holds, so many minutes after now: as many as ever until ten hours ago, and by 6 % of all
    /// memory more every hour since then.
    private static func used(_ minute: Int, of memory: Double) -> Double {
        var noise = SeededGenerator(seed: UInt64(1_000_000 + minute))
        let leak = 0.001 * Double(max(0, minute + 600))
        return memory * (0.2 + leak + Double.random(in: -0.002...0.002, using: &noise))
    }

    init() async throws {
        exporter = try NodeExporter()
        memory = try await Self.memory(of: exporter.address)
        var text = "# TYPE service_memory_bytes gauge\n"
        for minute in -8 * 1_440...0 {
            text +=
                "service_memory_bytes{instance=\"\(exporter.address)\",service=\"shop\"} "
                + "\(Self.used(minute, of: memory)) \(now + Int64(minute) * 60)\n"
        }
        server = try PrometheusServer(openMetrics: text + "# EOF\n", scraping: exporter.address)
        redis = try RedisServer()
        environment = ["PROMETHEUS_URL": server.url, "REDIS_URL": redis.url, "SRE_LOG_FORMAT": "text"]
        let url = try #require(
            URL(string: server.url + "/api/v1/query?query=count(node_memory_MemTotal_bytes)"))
        var isThere = false
        while !isThere {
            isThere = String(decoding: try await URLSession.shared.data(from: url).0, as: UTF8.self).contains("\"1\"")
        }
    }

    /// What the exporter itself says.
    private static func memory(of address: String) async throws -> Double {
        let url = try #require(URL(string: "http://\(address)/metrics"))
        let text = String(decoding: try await URLSession.shared.data(from: url).0, as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("node_memory_MemTotal_bytes ") })
        return try #require(Double(line.split(separator: " ")[1]))
    }

    private func configuration(limit: String, _ name: String) throws -> String {
        let shipped = Program.root + "/config"
        try """
        metrics:
          - name: shop_memory
            query: \(Self.query)
            unit: bytes
            direction: above
            role: memory
            limit_query: \(limit)
            entity: { kind: Service, name: [service] }
        """.write(toFile: "\(redis.folder)/metrics-\(name).yaml", atomically: true, encoding: .utf8)
        try """
        metrics_file: metrics-\(name).yaml
        check_interval_seconds: 60
        runbooks_folder: \(shipped)/runbooks
        policy_file: \(shipped)/policy.yaml
        """.write(toFile: "\(redis.folder)/\(name).yaml", atomically: true, encoding: .utf8)
        return "\(redis.folder)/\(name).yaml"
    }

    private func explain(_ file: String) async throws -> String {
        try await TestHost.output(
            of:
                Program.root + "/.build/debug/sre-agent",
            ["explain", "shop_memory", "--from", "-2d", "--config", file],
            environment: environment)
    }

    private func learned() async throws -> LearnedSeries? {
        let entity = Entity(cluster: "local", namespace: "default", kind: "Service", name: "shop")
        let key = Keys().baselines(Partition(of: entity, count: 16))
        return try await redis.use { _, store in try await store.fields(key) }.values.first.map {
            try JSONDecoder().decode(BaselineRecord.self, from: Data($0)).learned
        }
    }

    @Test func theNodesMemoryIsTheLimitOfTheForecast() async throws {
        let file = try configuration(limit: Self.total, "good")
        // 0.2 of the memory are left, of which 0.06 go every hour.
        let explained = try await explain(file)
        #expect(explained.contains("(companion): \(Self.total) is"), "\(explained)")
        let found = try #require(explained.firstMatch(of: #/then in ([0-9.]+) h \(/#), "\(explained)")
        #expect((2.5...4.5).contains(try #require(Double(found.1))), "\(explained)")

        let analyzer = try Program(
            "sre-analyzer", ["--config", file, "--telemetry-port", "0"], environment: environment)
        #expect(await analyzer.readUntil("baseline learning completed for 1 metrics"), "\(analyzer.output)")
        analyzer.signal(SIGTERM)
        #expect(await analyzer.waitUntilExit() == 0)
        let limit = try #require(try await learned()?.limit)
        #expect(limit.source == .companion && limit.value == memory && limit.isUpper)
        #expect(limit.reason.hasPrefix("\(Self.total) is "))

        // The analyzer's session takes it from the store, and warns of the breach with it.
        let breach = try await warning()
        #expect(breach.limit == memory && breach.source == .companion && breach.probability >= 0.8)
        #expect((1.5...4.5).contains(try #require(breach.p50) / 3_600), "\(breach)")
        withExtendedLifetime((server, exporter)) {}
    }

    /// The forecast of the first anomaly that is raised because a breach is coming.
    private func warning() async throws -> Breach {
        let entity = Entity(cluster: "local", namespace: "default", kind: "Service", name: "shop")
        let partition = Partition(of: entity, count: 16)
        let (now, memory, address) = (now, memory, exporter.address)
        // Nothing about the course of the values is unusual enough to be told for.
        let configuration = AnalyzerConfiguration(metrics: [
            WatchedMetric(
                name: "shop_memory", role: .memory,
                detector: DetectorConfiguration(direction: .above, minimumDeviation: 2 * memory), unit: "bytes",
                findsLimits: true)
        ])
        let told: [Anomaly] = try await redis.use { _, store in
            var session = AnalyzerSession(
                partition: partition, configuration: configuration, store: store, keys: Keys(),
                now: { Timestamp(milliseconds: now * 1_000) })
            try await session.restore(nil)
            var anomalies: [Anomaly] = []
            for minute in 1...40 where anomalies.isEmpty {
                let time = Timestamp(milliseconds: (now + Int64(minute) * 60) * 1_000)
                let observation = Observation(
                    metric: "shop_memory", unit: "bytes", direction: .above, limit: nil, from: time, to: time,
                    stepMilliseconds: 60_000,
                    series: [
                        ObservedSeries(
                            id: SeriesID(
                                metric: "shop_memory", labels: ["instance": address, "service": "shop"]),
                            entity: entity,
                            samples: [SamplePoint(time: time, value: Self.used(minute, of: memory))])
                    ])
                let envelope = try Envelope(
                    observation, id: "o\(minute)", source: "test", time: time, trace: TraceContext(seed: "o"))
                let entry = StreamEntry(
                    id: EntryID(milliseconds: UInt64(minute), sequence: 0), fields: envelope.fields)
                let transaction = try await session.process(entry, topic: .observations)
                for change in transaction.changes {
                    guard case .append(let stream, let fields) = change, stream == Keys().stream(.anomalies, partition)
                    else { continue }
                    anomalies.append(try Envelope(StreamEntry(id: .zero, fields: fields)).decode())
                }
            }
            return anomalies
        }
        let anomaly = try #require(told.first)
        #expect(anomaly.seenBy.contains("time-to-breach"))
        return try #require(anomaly.forecast)
    }

    @Test func aWrongQueryIsSaidAndTheKnownLimitStays() async throws {
        let wrong = try configuration(limit: "min by (instance) (node_memory_MemTotal_bytes", "wrong")
        do {
            let text = try await explain(wrong)
            Issue.record("\(text)")
        } catch {
            #expect("\(error)".contains("limit_query of shop_memory: 'min by (instance)"), "\(error)")
            #expect("\(error)".contains("parse error"), "\(error)")
        }
        let other = try configuration(limit: "sum by (job) (node_memory_MemTotal_bytes)", "other")
        let explained = try await explain(other)
        #expect(explained.contains("no series carries the labels of a limit"), "\(explained)")
        #expect(explained.contains("{job=\"node\"}") && explained.contains("service=\"shop\""), "\(explained)")

        for (file, line) in [
            (try configuration(limit: Self.total, "good"), "baseline learning starts"),
            (wrong, "limit_query of shop_memory"),
        ] {
            // What was learned before is due again.
            _ = try await redis.use { _, store in
                try await store.ensureLibrary()
                return try await store.transition(
                    Transaction(changes: [.remove(key: BaselineLearner.statusKey(Keys()))]))
            }
            let analyzer = try Program(
                "sre-analyzer", ["--config", file, "--telemetry-port", "0"], environment: environment)
            #expect(await analyzer.readUntil("baseline learning completed for 1 metrics"), "\(analyzer.output)")
            #expect(analyzer.output.contains(line), "\(analyzer.output)")
            analyzer.signal(SIGTERM)
            #expect(await analyzer.waitUntilExit() == 0)
            #expect(try await learned()?.limit?.source == .companion)
        }
        withExtendedLifetime((server, exporter)) {}
    }
}
