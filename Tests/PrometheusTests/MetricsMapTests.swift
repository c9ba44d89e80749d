import AsyncHTTPClient
import Foundation
import Model
import Perception
import Prometheus
import Settings
import TestSupport
import Testing

/// The shipped metrics map against a real Prometheus that scrapes a real node exporter.
@Suite(.timeLimit(.minutes(2))) struct MetricsMapTests {
    private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../config/metrics.yaml").standardizedFileURL.path

    @Test func everyQueryIsUnderstoodAndTheNodesAreMeasured() async throws {
        let exporter = try NodeExporter()
        let server = try PrometheusServer(scraping: exporter.address)
        let metrics = try MetricsMap.read(YAMLDocument(file: Self.file))
        #expect(metrics.count >= 15)
        let client = PrometheusClient(url: server.url, http: .shared)
        // The slowest query looks at two scrapes.
        var seen: Set<String> = []
        let expected: Set<String> = [
            "node_cpu_usage_percent", "node_memory_usage_percent", "node_disk_usage_percent", "node_load_per_cpu",
            "target_up",
        ]
        while !seen.isSuperset(of: expected) {
            for metric in metrics {
                let result = try await client.instant(metric.query, at: nil)
                let isMeasured = result.series.contains { $0.points.contains { $0.value.isFinite } }
                if isMeasured { seen.insert(metric.name) }
            }
        }
        let memory = try #require(metrics.first { $0.name == "node_memory_usage_percent" })
        let value = try await client.instant(memory.query, at: nil).series.first?.points.first?.value
        #expect(value.map { (0...100).contains($0) } == true)
    }
}
