import Analyzer
import Foundation
import Model
import Perception
import Remediation
import Settings
import TimeSeries

/// History of the metrics map's metrics, for learning.
package struct MetricHistory: HistorySource {
    private let source: any MetricsSource
    private let configuration: @Sendable () -> LoadedConfiguration

    package init(source: any MetricsSource, configuration: @escaping @Sendable () -> LoadedConfiguration) {
        self.source = source
        self.configuration = configuration
    }

    /// Points are a minute apart, or the check interval when that is longer.
    package func history(of metric: String, days: Double) async throws -> [HistorySeries] {
        let configuration = configuration()
        guard let definition = configuration.metrics.first(where: { $0.name == metric }) else { return [] }
        let step = Int64(max(60, configuration.settings.checkIntervalSeconds) * 1_000)
        let end = ProcessContext.now().rawValue / step * step
        let result = try await source.range(
            definition.query, from: Timestamp(milliseconds: end - Int64(days * 86_400_000) + step),
            to: Timestamp(milliseconds: end), stepMilliseconds: step)
        return result.series.map { series in
            HistorySeries(
                id: SeriesID(metric: metric, labels: series.labels),
                entity: definition.entity(
                    labels: series.labels, cluster: configuration.settings.cluster,
                    defaultNamespace: configuration.settings.defaultNamespace),
                samples: series.points.map { Sample(timestamp: $0.time.rawValue, value: $0.value) })
        }
    }
}

/// Newest values of the metrics map's metrics, for verification.
package struct MetricCurrent: MetricReader {
    private let source: any MetricsSource
    private let configuration: @Sendable () -> LoadedConfiguration

    package init(source: any MetricsSource, configuration: @escaping @Sendable () -> LoadedConfiguration) {
        self.source = source
        self.configuration = configuration
    }

    package func current(_ series: SeriesID) async throws -> SamplePoint? {
        guard let definition = configuration().metrics.first(where: { $0.name == series.metric }) else {
            throw SourceError(.badQuery, "the metric \(series.metric) is not in the metrics map")
        }
        let result = try await source.instant(definition.query, at: nil)
        return result.series.first { $0.labels == series.labels }?.points.last
    }
}
