import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import Model
import Perception
import Prometheus
import Synchronization
import TestSupport
import Testing

/// The client against a real Prometheus.
@Suite(.timeLimit(.minutes(2))) struct PrometheusClientTests {
    private static let begin: Int64 = 1_760_000_000

    /// One sample a minute for two hours; half an hour in the middle is missing.
    private static func server() throws -> PrometheusServer {
        var text = "# TYPE depth gauge\n"
        for queue in ["a", "b"] {
            for minute in 0..<120 where !(45..<75).contains(minute) {
                text += "depth{queue=\"\(queue)\"} \(minute) \(begin + Int64(minute) * 60)\n"
            }
        }
        return try PrometheusServer(openMetrics: text + "# EOF\n")
    }

    private func client(_ url: String) -> PrometheusClient {
        PrometheusClient(url: url, http: .shared, timeoutSeconds: 2)
    }

    private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: (Self.begin + seconds) * 1_000) }

    @Test func readsRangesAndLeavesGapsAsGaps() async throws {
        let server = try Self.server()
        let result = try await client(server.url).range(
            "depth", from: at(0), to: at(119 * 60), stepMilliseconds: 60_000)
        #expect(result.series.map(\.labels) == [["queue": "a"], ["queue": "b"]])
        let times = result.series[0].points.map { ($0.time.rawValue / 1_000 - Self.begin) / 60 }
        // Prometheus looks back five minutes, so the gap begins five minutes late; it is never filled.
        #expect(times.filter { (50..<75).contains($0) }.isEmpty)
        #expect(times.prefix(45) == ArraySlice(0..<45) && times.suffix(45) == ArraySlice(75..<120))
        #expect(result.series[0].points.first?.value == 0 && result.series[0].points.last?.value == 119)
        let empty = try await client(server.url).range("nothing", from: at(0), to: at(60), stepMilliseconds: 1_000)
        #expect(empty.series.isEmpty && empty.warnings.isEmpty)
    }

    @Test func moreThanElevenThousandPointsAreAskedForInParts() async throws {
        let server = try PrometheusServer()
        let proxy = FaultProxy(upstream: server.url)
        let times = try await proxy.use { url in
            let client = PrometheusClient(url: url, http: .shared)
            let from = Timestamp(milliseconds: Self.begin * 1_000)
            let result = try await client.range(
                "time()", from: from, to: from.advanced(bySeconds: 24_999), stepMilliseconds: 1_000)
            return result.series.first?.points.map(\.value) ?? []
        }
        #expect(times == (0..<25_000).map { Double(Self.begin + $0) })
        #expect(proxy.requests == 3)
    }

    @Test func passwordsOfTheAddressLetInAndAreNeverShown() async throws {
        // bcrypt of "c4nary-pass"
        let server = try PrometheusServer(users: [
            "sre": "$2b$04$U//CxCoWlzK4DELCgbNquOVb.cFOzCV87bt.PP78UrUcGU6qJotha"
        ])
        let host = server.url.dropFirst("http://".count)
        let admitted = client("http://sre:c4nary-pass@\(host)/")
        #expect(admitted.address == server.url)
        #expect(await admitted.isReady())
        #expect(try await admitted.instant("vector(1)", at: nil).series.count == 1)
        for url in ["http://sre:c4nary-wrong@\(host)", "http://\(host)", "http://sre:c4nary@127.0.0.1:1"] {
            let refused = client(url)
            #expect(await !refused.isReady())
            await #expect { try await refused.instant("vector(1)", at: nil) } throws: { error in
                let text = "\(error)"
                return text.contains("127.0.0.1") && !text.contains("c4nary")
            }
        }
    }

    /// A token file is read anew: what replaces a token is used at once, and a missing one is said.
    @Test func bearerTokensComeFromTheirFileForEachRequest() async throws {
        let file = NSTemporaryDirectory() + "token-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let seen = Mutex<[String]>([])
        let router = Router()
        router.post("/api/v1/query") { request, _ in
            seen.withLock { $0.append(request.headers[.authorization] ?? "") }
            return #"{"status":"success","data":{"resultType":"vector","result":[]}}"#
        }
        try await LocalServer.use(router) { url in
            let client = PrometheusClient(url: url, http: .shared, bearerTokenFile: file)
            await #expect { try await client.instant("up", at: nil) } throws: { "\($0)".contains(file) }
            for token in ["one\n", "two"] {
                try token.write(toFile: file, atomically: true, encoding: .utf8)
                _ = try await client.instant("up", at: nil)
            }
        }
        #expect(seen.withLock { $0 } == ["Bearer one", "Bearer two"])
    }

    @Test func alertingRulesAreRead() async throws {
        let server = try PrometheusServer(
            rules: """
                groups:
                  - name: queues
                    rules:
                      - record: depth:max
                        expr: max(depth)
                      - alert: DeepQueue
                        expr: depth{queue="a"} > 100
                        for: 5m
                """)
        let rules = try await client(server.url).alertRules()
        withExtendedLifetime(server) {}
        #expect(rules == [AlertRule(name: "DeepQueue", query: "depth{queue=\"a\"} > 100", seconds: 300)])
        let threshold = try #require(rules.first.flatMap { AlertThreshold($0, query: "depth") })
        #expect(threshold.value == 100 && threshold.labels == ["queue": "a"])
        let plain = try PrometheusServer()
        #expect(try await client(plain.url).alertRules().isEmpty)
        withExtendedLifetime(plain) {}
    }

    @Test func specialValuesArriveAsTheyAre() async throws {
        let server = try PrometheusServer()
        for (query, check) in [
            ("vector(0) / 0", \Double.isNaN), ("vector(1) / 0", \Double.isInfinite),
            ("-vector(1) / 0", \Double.isInfinite),
        ] {
            let result = try await client(server.url).instant(query, at: at(0))
            #expect(result.series.first.map { $0.points.map { $0.value[keyPath: check] } } == [true], "\(query)")
        }
        let milliseconds = try await client(server.url).instant(
            "time()", at: Timestamp(milliseconds: 1_500_000_000_007))
        #expect(milliseconds.series.first?.points.first?.time.rawValue == 1_500_000_000_007)
    }

    @Test(arguments: [("sum(", "parse error"), ("depth * on() depth", "many-to-many")])
    func aWrongQueryIsTheQuerysFault(query: String, text: String) async throws {
        let server = try Self.server()
        do {
            let result = try await client(server.url).range(
                query, from: at(0), to: at(60), stepMilliseconds: 60_000)
            Issue.record("\(result)")
        } catch {
            #expect(error.kind == .badQuery && !error.isRetriable && error.description.contains(text), "\(error)")
            #expect(error.description.contains(server.url))
        }
    }

    @Test func refusalsSayWhetherToTryAgain() async throws {
        let server = try Self.server()
        let proxy = FaultProxy(upstream: server.url)
        proxy.inject([
            .status(429, retryAfter: 7), .status(503), .status(502), .truncated(40), .body("<html>"),
            .body(#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["partial data"]}"#),
        ])
        let from = at(0)
        let answers = try await proxy.use { url in
            var answers: [String] = []
            for _ in 0..<7 {
                do throws(SourceError) {
                    let result = try await PrometheusClient(url: url, http: .shared).instant("depth", at: from)
                    answers.append("\(result.series.count) series \(result.warnings)")
                } catch {
                    answers.append("\(error.kind) \(error.isRetriable) \(error.retryAfter.map { "\($0)" } ?? "-")")
                }
            }
            return answers
        }
        #expect(
            answers == [
                "overloaded true 7.0 seconds", "overloaded true -", "overloaded true -", "malformed true -",
                "malformed true -", "0 series [\"partial data\"]", "2 series []",
            ])
    }

    @Test func nobodyThereIsUnreachable() async throws {
        var url = ""
        do {
            let server = try PrometheusServer()
            url = server.url
            #expect(await client(url).isReady())
        }
        #expect(await client(url).isReady() == false)
        do {
            _ = try await client(url).instant("up", at: nil)
            Issue.record("an answer from nobody")
        } catch {
            #expect(error.kind == .unreachable && error.isRetriable && error.description.contains(url))
        }
    }
}
