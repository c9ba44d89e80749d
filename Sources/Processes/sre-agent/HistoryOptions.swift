import Analyzer
import ArgumentParser
import AsyncHTTPClient
import Foundation
import Model
import Perception
import Prometheus
import Runtime
import Settings
import TimeSeries

/// Where a command takes the history of a metric from: Prometheus as configured, or a file.
struct HistoryOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Configuration file.")
    var config = "config/config.yaml"

    @Option(
        parsing: .unconditional,
        help: "Begin of the time in question: ISO 8601, or hours ago as in -24h or days as in -30d.")
    var from = "-7d"

    @Option(parsing: .unconditional, help: "End of it.")
    var to = "-0h"

    @Option(help: "Take only series with this label, as in service=cart.")
    var label: String?

    @Option(help: "CSV file with timestamp,value[,label] instead of Prometheus; label 1 marks an incident.")
    var csv: String?

    /// One series with what is known about it.
    struct History {
        var name: String
        var labels: [String: String] = [:]
        var samples: [Sample]
        /// Known incidents, Unix milliseconds; empty without labels.
        var incidents: [ClosedRange<Int64>] = []
        /// Limit that is declared or was found elsewhere.
        var limit: SeriesLimit?
        /// Why limits that were found are not about any of the series; `nil` when one is.
        var mismatch: String?
        /// What the metrics map says; `nil` for a file with a metric that is not in it.
        var definition: MetricDefinition?
    }

    /// The time in question, Unix milliseconds.
    func interval(now: Int64) throws -> ClosedRange<Int64> {
        let (from, to) = (try Self.instant(self.from, now: now), try Self.instant(self.to, now: now))
        guard from < to else { throw ValidationError("--from (\(self.from)) must be before --to (\(self.to))") }
        return from...to
    }

    /// All series of a metric, from the learning days of the configuration before the time in question.
    func load(_ metric: String, _ configuration: LoadedConfiguration, now: Int64) async throws -> [History] {
        let definition = configuration.metrics.first { $0.name == metric }
        if let csv { return [try Self.read(csv, metric, definition)] }
        guard let definition else {
            let names = configuration.metrics.map(\.name).joined(separator: ", ")
            throw AgentFailure("no metric '\(metric)' in \(configuration.settings.metricsFile); it has: \(names)")
        }
        let interval = try interval(now: now)
        let settings = configuration.settings.prometheus
        let client = PrometheusClient(
            url: settings.url, http: HTTPClient.shared, bearerTokenFile: settings.bearerTokenFile,
            timeoutSeconds: Int64(settings.timeoutSeconds))
        let step = Int64(max(60, configuration.settings.checkIntervalSeconds) * 1_000)
        let begin = interval.lowerBound - Int64(configuration.analysis.learningDays * 86_400_000)
        let answer = try await client.range(
            definition.query, from: Timestamp(milliseconds: begin / step * step),
            to: Timestamp(milliseconds: interval.upperBound / step * step), stepMilliseconds: step)
        let wanted = label?.split(separator: "=", maxSplits: 1).map(String.init)
        let series = answer.series.filter { series in
            guard let wanted, wanted.count == 2 else { return true }
            return series.labels[wanted[0]] == wanted[1]
        }
        guard !series.isEmpty else {
            throw AgentFailure("\(settings.url) has no series of '\(metric)'\(label.map { " with \($0)" } ?? "") then")
        }
        let limits = try await MetricHistory(source: client) { configuration }.knownLimits(of: definition)
        let mismatch = FoundLimit.mismatch(limits, series.map { SeriesID(metric: metric, labels: $0.labels) })
        return series.map { series in
            History(
                name: "\(SeriesID(metric: metric, labels: series.labels))", labels: series.labels,
                samples: series.points.map { Sample(timestamp: $0.time.rawValue, value: $0.value) },
                limit: FoundLimit.best(limits, for: SeriesID(metric: metric, labels: series.labels)),
                mismatch: mismatch, definition: definition)
        }
    }

    private static func instant(_ text: String, now: Int64) throws -> Int64 {
        if text.hasPrefix("-"), let unit = text.last, let amount = Double(text.dropFirst().dropLast()), amount >= 0 {
            switch unit {
            case "h" where amount < 100_000: return now - Int64(amount * 3_600_000)
            case "d" where amount < 5_000: return now - Int64(amount * 86_400_000)
            default: break
            }
        }
        if let date = try? Date(text, strategy: .iso8601) { return Int64(date.timeIntervalSince1970 * 1_000) }
        throw ValidationError("'\(text)' is no time; valid: 2026-01-31T12:00:00Z, -24h, -30d")
    }

    private static func read(_ file: String, _ metric: String, _ definition: MetricDefinition?) throws -> History {
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw AgentFailure("\(file) cannot be read")
        }
        var history = History(name: metric, samples: [], definition: definition)
        for (number, row) in text.split(whereSeparator: \.isNewline).enumerated() where number > 0 {
            let columns = row.split(separator: ",", omittingEmptySubsequences: false)
            guard columns.count >= 2, let time = milliseconds(String(columns[0])) else {
                throw AgentFailure("\(file), line \(number + 1): '\(row)' is not timestamp,value[,label]")
            }
            history.samples.append(Sample(timestamp: time, value: Double(columns[1]) ?? .nan))
            guard columns.count > 2, columns[2] == "1" else { continue }
            if let last = history.incidents.last, number > 1,
                last.upperBound == history.samples.dropLast().last?.timestamp,
                last.upperBound <= time
            {
                history.incidents[history.incidents.count - 1] = last.lowerBound...time
            } else {
                history.incidents.append(time...time)
            }
        }
        return history
    }

    /// Unix seconds or milliseconds, ISO 8601, or `yyyy-MM-dd HH:mm:ss` in UTC.
    private static func milliseconds(_ text: String) -> Int64? {
        if let number = Int64(text) { return number < 100_000_000_000 ? number * 1_000 : number }
        let iso = text.contains("T") ? text : text.replacingOccurrences(of: " ", with: "T") + "Z"
        return (try? Date(iso, strategy: .iso8601)).map { Int64($0.timeIntervalSince1970 * 1_000) }
    }
}

extension LoadedConfiguration {
    /// Whether the algorithms that watch a metric are chosen series by series.
    func choosesAlgorithms(of metric: String) -> Bool { analysis.metrics[metric]?.choosesAlgorithms ?? true }

    /// How a metric is watched; the standard way for one that is not in the map.
    func detector(of metric: String) -> DetectorConfiguration {
        analysis.metrics[metric]?.detector ?? DetectorConfiguration(threshold: settings.analysis.threshold)
    }
}
