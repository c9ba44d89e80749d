import Analyzer
import Bus
import Foundation
import Model
import RedisBus
import TestSupport
import Testing
import WireFormat

/// `sre-agent backtest`, `explain`, `feedback`, `learn` and `proposals` against a real Prometheus and a real Redis.
@Suite(.timeLimit(.minutes(5))) struct SeriesCommandsTests {
    private static let query = "max by (queue) (depth)"

    /// Nine days of a daily wave, with an incident of half an hour a day and a half ago, and a small one after it.
    private static func prometheus(now: Int64, small: Double = 0) throws -> PrometheusServer {
        var text = "# TYPE depth gauge\n"
        var generator = SeededGenerator(seed: 5)
        for minute in stride(from: -9 * 1_440, through: 0, by: 1) {
            let time = now / 300 * 300 + Int64(minute) * 60
            // By the time before now, so that every run sees the same course.
            let wave = 100 - 30 * sin(2 * .pi * Double(minute) / 1_440)
            let isLarge = (-2_160 ..< -2_130).contains(minute)
            let incident = isLarge ? 90 : (-1_050 ..< -1_020).contains(minute) ? small : 0
            text += "depth{queue=\"a\"} \(wave + incident + Double.random(in: -2...2, using: &generator)) \(time)\n"
        }
        return try PrometheusServer(
            openMetrics: text + "# EOF\n",
            rules: """
                groups:
                  - name: queues
                    rules:
                      - alert: DeepQueue
                        expr: max by (queue) (depth) > 400
                        for: 2m
                """)
    }

    /// A configuration of one metric.
    private static func configuration(
        _ folder: String, threshold: Double = 0.7, minimumDeviation: Double = 0, name: String
    ) throws -> String {
        let shipped = Program.root + "/config"
        let metrics = """
            metrics:
              - name: queue_depth
                query: \(query)
                unit: count
                direction: above
                role: saturation
                minimum_deviation: \(minimumDeviation)
                entity: { kind: Service, name: [queue] }
            """
        try metrics.write(toFile: "\(folder)/metrics-\(name)", atomically: true, encoding: .utf8)
        let main = """
            metrics_file: metrics-\(name)
            check_interval_seconds: 300
            runbooks_folder: \(shipped)/runbooks
            policy_file: \(shipped)/policy.yaml
            anomaly_detection: { threshold: \(threshold) }
            """
        try main.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        return "\(folder)/\(name)"
    }

    private func agent(_ environment: [String: String], _ arguments: String...) async throws -> String {
        try await TestHost.output(of: Program.root + "/.build/debug/sre-agent", arguments, environment: environment)
    }

    private func refused(_ environment: [String: String], _ arguments: String...) async -> String {
        do {
            return "did not fail: "
                + (try await TestHost.output(
                    of: Program.root + "/.build/debug/sre-agent", arguments, environment: environment))
        } catch {
            return "\(error)"
        }
    }

    @Test func historyOfPrometheusIsJudgedComparedAndExplained() async throws {
        let now = Int64(Date().timeIntervalSince1970)
        let server = try Self.prometheus(now: now)
        let redis = try RedisServer()
        let environment = ["PROMETHEUS_URL": server.url, "REDIS_URL": redis.url]
        let running = try Self.configuration(redis.folder, name: "config.yaml")
        let strict = try Self.configuration(redis.folder, minimumDeviation: 500, name: "new.yaml")

        let judged = try await agent(
            environment, "backtest", "queue_depth", "--from", "-2d", "--config", running, "--running", running)
        #expect(judged.contains("queue_depth{queue=\"a\"}: 1 alarms in"), "\(judged)")
        let incident = Timestamp(milliseconds: (now / 300 * 300 - 2_160 * 60) * 1_000)
        #expect(judged.contains("\(incident)".prefix(16)), "\(judged)")

        let compared = try await agent(
            environment, "backtest", "queue_depth", "--from", "-2d", "--config", strict, "--running", running)
        #expect(compared.contains("1 alarms only there, 0 only new"), "\(compared)")
        #expect(compared.contains("all 1 series: running 0.5, new 0 alarms"), "\(compared)")

        let proposals = try await agent(
            environment, "backtest", "queue_depth", "--from", "-2d", "--config", running, "--running", running,
            "--propose", "5", "--json")
        #expect(proposals.contains("\"proposed\" : 0.6"))

        let picture = "\(redis.folder)/picture.svg"
        let explained = try await agent(
            environment, "explain", "queue_depth", "--from", "-2d", "--config", running, "--svg", picture)
        #expect(explained.contains("season: a daily profile explains"), "\(explained)")
        #expect(explained.contains("algorithms: ") && explained.contains("finds 4 of 4 faults"))
        #expect(explained.contains("limit: 400 (alert-rule): alert DeepQueue fires above it for 120 s"))
        #expect(explained.contains("seen by"))
        #expect(try String(contentsOfFile: picture, encoding: .utf8).contains("<svg"))

        #expect(await refused(environment, "explain", "depth", "--config", running).contains("it has: queue_depth"))
        #expect(
            await refused(environment, "explain", "queue_depth", "--config", running, "--label", "queue=b")
                .contains("has no series of 'queue_depth' with queue=b"))
        #expect(
            await refused(environment, "explain", "queue_depth", "--from", "soon", "--config", running).contains("-24h")
        )
    }

    @Test func whatPeopleSayReachesTheAnalyzerAndTheAudit() async throws {
        let now = Int64(Date().timeIntervalSince1970)
        let server = try Self.prometheus(now: now, small: 9)
        let redis = try RedisServer()
        let environment = ["PROMETHEUS_URL": server.url, "REDIS_URL": redis.url]
        let running = try Self.configuration(redis.folder, name: "config.yaml")
        let keys = Keys()
        let partition = Partition(of: Fixtures.target, count: 16)
        try await redis.use { _, store in
            try await store.ensureLibrary()
            _ = try await store.transition(
                Transaction(changes: [
                    .set(
                        key: keys.anomaly("ANO-1", partition),
                        fields: [Field("data", try Fixtures.anomaly().canonicalJSON())])
                ]))
        }
        #expect(try await agent(environment, "feedback", "ANO-1", "false", "--config", running).contains("false alarm"))
        #expect(
            await refused(environment, "feedback", "ANO-9", "true", "--config", running).contains(
                "no anomaly or incident"))
        #expect(await refused(environment, "feedback", "ANO-1", "perhaps", "--config", running).contains("perhaps"))
        let verdicts = try await verdicts(redis, partition)
        #expect(
            verdicts == [
                ThresholdVerdict(
                    series: Fixtures.series, change: .verdict(score: 0.9, isTrue: false), reference: "ANO-1")
            ])

        // Two alarms in six days, the smaller of which a higher threshold lets pass.
        let made = try await agent(
            environment, "proposals", "make", "queue_depth", "--from", "-2d", "--config", running,
            "--alarms-per-day", "0.2")
        #expect(made.hasPrefix("PRO-") && made.contains("  0.33 → 0.17 alarms a day"), "\(made)")
        let text = made.split(separator: " ").dropFirst(3).first ?? ""
        let threshold = try #require(Double(text))
        #expect((0.75...0.95).contains(threshold), "\(made)")
        let none = try await agent(
            environment, "proposals", "make", "queue_depth", "--from", "-2d", "--config", running,
            "--alarms-per-day", "9")
        #expect(none.contains("no series alarms more often"))
        // The large incident is one whatever the threshold.
        let hopeless = try await agent(
            environment, "proposals", "make", "queue_depth", "--from", "-2d", "--config", running,
            "--alarms-per-day", "0.01")
        #expect(hopeless.contains("no threshold keeps within 0.01 alarms a day, the best leaves 0.17"), "\(hopeless)")
        let id = String(made.prefix { !$0.isWhitespace })
        #expect(try await agent(environment, "proposals", "--config", running).contains(id))
        #expect(
            try await agent(environment, "proposals", "show", id, "--config", running).contains("threshold 0.7: 0.33"))
        let other = try Self.configuration(redis.folder, threshold: 0.8, name: "other.yaml")
        #expect(await refused(environment, "proposals", "apply", id, "--config", other).contains("make it again"))
        #expect(
            try await agent(environment, "proposals", "apply", id, "--config", running).contains("score of \(text) on"))
        #expect(
            await refused(environment, "proposals", "apply", id, "--config", running).contains("there is no proposal"))
        let series = SeriesID(metric: "queue_depth", labels: ["queue": "a"])
        let entity = Entity(cluster: "local", namespace: "default", kind: "Service", name: "a")
        #expect(
            try await self.verdicts(redis, Partition(of: entity, count: 16)).contains(
                ThresholdVerdict(series: series, change: .threshold(threshold), reference: id)))
        #expect(
            await refused(environment, "proposals", "show", "PRO-9", "--config", running).contains(
                "there is no proposal"))

        #expect(
            try await agent(environment, "learn", "queue_depth", "--config", running).contains("asked for queue_depth"))
        #expect(await refused(environment, "learn", "other", "--config", running).contains("valid: all, queue_depth"))
        let requested = try await redis.use { _, store in
            try await store.fields(BaselineLearner.statusKey(keys))[BaselineLearner.requestField("queue_depth")]
        }
        #expect(requested != nil)
        #expect(try await agent(environment, "audit", "verify", "--config", running).contains("ok: "))
        withExtendedLifetime(server) {}
    }

    private func verdicts(_ redis: RedisServer, _ partition: Partition) async throws -> [ThresholdVerdict] {
        try await redis.use { _, store in
            try await store.entries(Keys().stream(.commands, partition), after: .zero, limit: 10).compactMap { entry in
                try ThresholdVerdict(Envelope(entry).decode())
            }
        }
    }
}
