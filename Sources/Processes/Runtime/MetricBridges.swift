import Analyzer
import Foundation
import Model
import Perception
import Remediation
import Settings
import TimeSeries

/// History of the metrics map's metrics, for learning.
package struct MetricHistory: HistorySource {
    /// Points of one series at most.
    private static let longest = 10_080.0
    /// Points of one answer, of all series together.
    private static let answer = 1_000_000
    private static let day = 86_400_000.0

    private let source: any MetricsSource
    private let configuration: @Sendable () -> LoadedConfiguration

    package init(source: any MetricsSource, configuration: @escaping @Sendable () -> LoadedConfiguration) {
        self.source = source
        self.configuration = configuration
    }

    /// Points are a minute apart, or the check interval when that is longer; farther apart where the days would not fit
    /// into 10,080 points.
    package func history(of metric: String, days: Double) async throws -> [HistorySeries] {
        try await load(metric, days: days, step: step(days: days))
    }

    package func recent(of metric: String, days: Double) async throws -> [HistorySeries] {
        let live = step(days: 0)
        return step(days: days) > live ? try await load(metric, days: min(7, days), step: live) : []
    }

    private func step(days: Double) -> Int64 {
        let live = max(60, configuration().settings.checkIntervalSeconds) * 1_000
        return Int64(live * max(1, (days * Self.day / Self.longest / live).rounded(.up)))
    }

    private func load(_ metric: String, days: Double, step: Int64) async throws -> [HistorySeries] {
        let configuration = configuration()
        guard let definition = configuration.metrics.first(where: { $0.name == metric }) else { return [] }
        let end = ProcessContext.now().rawValue / step * step
        let start = end - Int64(days * Self.day) / step * step + step
        // As many points at once as an answer may have, by the series that there are now.
        let current = try await source.instant(definition.query, at: nil).series.count
        let points = Int64(max(60, min(11_000, Self.answer / max(1, current))))
        var series: [[String: String]: HistorySeries] = [:]
        var from = start
        while from <= end {
            try Task.checkCancellation()
            let to = min(end, from + (points - 1) * step)
            let result = try await source.range(
                definition.query, from: Timestamp(milliseconds: from), to: Timestamp(milliseconds: to),
                stepMilliseconds: step)
            for part in result.series {
                if series[part.labels] == nil {
                    guard series.count < ObservationBuilder.maximumSeries else { continue }
                    series[part.labels] = HistorySeries(
                        id: SeriesID(metric: metric, labels: part.labels),
                        entity: definition.entity(
                            labels: part.labels, cluster: configuration.settings.cluster,
                            defaultNamespace: configuration.settings.defaultNamespace),
                        start: start, step: step, points: Int((end - start) / step) + 1)
                }
                for point in part.points {
                    series[part.labels]?.append(Sample(timestamp: point.time.rawValue, value: point.value))
                }
            }
            from = to + step
        }
        return series.values.sorted { $0.id < $1.id }
    }

    package func limits(of metric: String) async throws -> [FoundLimit] {
        guard let definition = configuration().metrics.first(where: { $0.name == metric }) else { return [] }
        return try await knownLimits(of: definition).filter { $0.limit.source != .declared }
    }

    /// The declared limit, else those of the metric's companion and of alerting rules.
    ///
    /// - Throws: `SourceError`; one of a `limit_query` names the metric and the query.
    package func knownLimits(of definition: MetricDefinition) async throws -> [FoundLimit] {
        if let limit = definition.limit {
            let declared = SeriesLimit(
                value: limit, isUpper: definition.direction != .below, source: .declared,
                reason: "declared for \(definition.name)")
            return [FoundLimit(labels: [:], limit: declared)]
        }
        var found: [FoundLimit] = []
        if let query = definition.limitQuery {
            found += try await companion(query, of: definition).series.compactMap { series in
                guard let value = series.points.last?.value, value.isFinite else { return nil }
                return FoundLimit(
                    labels: series.labels,
                    limit: SeriesLimit(
                        value: value, isUpper: definition.direction != .below, source: .companion,
                        reason: "\(query) is \(Readable.amount(value, definition.unit))"))
            }
        }
        guard definition.findsLimits else { return found }
        for rule in try await source.alertRules() {
            guard let threshold = AlertThreshold(rule, query: definition.query),
                definition.direction == .both || (definition.direction == .above) == threshold.isUpper
            else { continue }
            found.append(
                FoundLimit(
                    labels: threshold.labels,
                    limit: SeriesLimit(
                        value: threshold.value, isUpper: threshold.isUpper, source: .alertRule,
                        reason: threshold.reason)))
        }
        return found
    }

    /// The answer to a metric's `limit_query`, whose errors name the metric.
    private func companion(_ query: String, of definition: MetricDefinition) async throws(SourceError) -> RangeResult {
        do {
            return try await source.instant(query, at: nil)
        } catch {
            throw SourceError(
                error.kind, "limit_query of \(definition.name): '\(query)': \(error)", retryAfter: error.retryAfter)
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
