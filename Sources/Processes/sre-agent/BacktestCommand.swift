import Analyzer
import ArgumentParser
import Foundation
import Model
import Perception
import Runtime
import TimeSeries

/// Runs history through the engine and shows what would have alarmed.
struct BacktestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backtest", abstract: "Run history through the engine and show what would have alarmed.",
        discussion: """
            Learns as the agent would, a week back and again daily, and judges the time between --from and --to. With \
            --csv and a label column it also tells how many alarms were right. --propose tries thresholds and names the \
            lowest one that keeps within so many alarms a day for each series. With a --config that is not the running one \
            both are run, and what only one of them raises is listed.
            """)

    @Argument(help: "Metrics of the metrics map; all of them when none is named.")
    var metrics: [String] = []

    @OptionGroup var history: HistoryOptions

    @Option(help: "Configuration that runs, for a comparison with another --config.")
    var running = "config/config.yaml"

    @Option(help: "Alarms a day and series that a proposed threshold must keep within.")
    var propose: Double?

    @Flag(help: "Print JSON.")
    var json = false

    private struct Row: Encodable {
        var series: String
        var days: Double
        var alarmsPerDay: Double
        var precision: Double?
        var recall: Double?
        var alarms: [Backtest.Alarm]
        var problem: String?
        var proposal: ThresholdProposal?
        /// The same under the running configuration, when another one is tried.
        var running: Comparison?
    }

    private struct Comparison: Encodable {
        var alarmsPerDay: Double
        var precision: Double?
        var recall: Double?
        /// Alarms of the running configuration that the other one does not raise, and the other way round.
        var onlyRunning: [Backtest.Alarm]
        var onlyNew: [Backtest.Alarm]
    }

    func run() async throws {
        let configuration = try LoadedConfiguration(file: history.config)
        let isOther = history.config != running && FileManager.default.fileExists(atPath: running)
        let current = isOther ? try LoadedConfiguration(file: running) : nil
        let now = ProcessContext.now().rawValue
        let names = metrics.isEmpty ? configuration.metrics.map(\.name) : metrics
        var rows: [Row] = []
        for name in names {
            for series in try await history.load(name, configuration, now: now) {
                let row = try judged(series, configuration, current, metric: name, now: now)
                rows.append(row)
                if !json { print(Self.text(row)) }
            }
        }
        if !json, current != nil, let sum = Self.sum(rows) { print(sum) }
        guard json else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(rows), as: UTF8.self))
    }

    private func replay(
        _ series: HistoryOptions.History, _ configuration: LoadedConfiguration, metric: String, now: Int64
    ) throws -> Backtest {
        let analysis = configuration.analysis
        return Backtest(
            series.samples, detector: configuration.detector(of: metric), baselineConfiguration: analysis.baseline,
            learningDays: analysis.learningDays, choosesAlgorithms: configuration.choosesAlgorithms(of: metric),
            from: history.csv == nil ? try history.interval(now: now).lowerBound : nil)
    }

    private func judged(
        _ series: HistoryOptions.History, _ configuration: LoadedConfiguration, _ current: LoadedConfiguration?,
        metric: String, now: Int64
    ) throws -> Row {
        let analysis = configuration.analysis
        let run = try replay(series, configuration, metric: metric, now: now)
        let agreement = run.agreement(with: series.incidents)
        let proposal = propose.map {
            ThresholdProposal(
                series.samples, alarmsPerDay: $0, incidents: series.incidents,
                detector: configuration.detector(of: metric), baselineConfiguration: analysis.baseline,
                learningDays: analysis.learningDays, choosesAlgorithms: configuration.choosesAlgorithms(of: metric))
        }
        let comparison = try current.map { current in
            let old = try replay(series, current, metric: metric, now: now)
            let known = old.agreement(with: series.incidents)
            return Comparison(
                alarmsPerDay: old.alarmsPerDay, precision: series.incidents.isEmpty ? nil : known.precision,
                recall: known.recall, onlyRunning: old.alarms(notIn: run), onlyNew: run.alarms(notIn: old))
        }
        return Row(
            series: series.name, days: run.days, alarmsPerDay: run.alarmsPerDay,
            precision: series.incidents.isEmpty ? nil : agreement.precision, recall: agreement.recall,
            alarms: run.alarms, problem: run.points.isEmpty ? run.problem.map { "\($0)" } ?? "no samples then" : nil,
            proposal: proposal, running: comparison)
    }

    /// Alarms a day over all series, running and new.
    private static func sum(_ rows: [Row]) -> String? {
        let judged = rows.filter { $0.problem == nil && $0.days > 0 }
        let days = judged.reduce(0) { $0 + $1.days }
        guard days > 0 else { return nil }
        func rate(_ count: (Row) -> Double) -> String {
            Readable.number(judged.reduce(0) { $0 + count($1) * $1.days } / days)
        }
        return "all \(judged.count) series: running \(rate { $0.running?.alarmsPerDay ?? 0 }), new "
            + "\(rate(\.alarmsPerDay)) alarms a day and series"
    }

    private static func text(_ row: Row) -> String {
        if let problem = row.problem { return "\(row.series): not judged, \(problem)" }
        func digits(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        var lines = [
            "\(row.series): \(row.alarms.count) alarms in \(digits(row.days)) days, \(digits(row.alarmsPerDay)) a day"
                + (row.precision.map { ", precision \(digits($0))" } ?? "")
                + (row.recall.map { ", recall \(digits($0))" } ?? "")
        ]
        if let running = row.running {
            lines.append(
                "  running: \(digits(running.alarmsPerDay)) a day"
                    + (running.precision.map { ", precision \(digits($0))" } ?? "")
                    + (running.recall.map { ", recall \(digits($0))" } ?? "")
                    + "; \(running.onlyRunning.count) alarms only there, \(running.onlyNew.count) only new")
            lines += running.onlyRunning.map { "  - \(time($0.since))  score \(digits($0.score))" }
            lines += running.onlyNew.map { "  + \(time($0.since))  score \(digits($0.score))" }
        }
        for alarm in row.alarms {
            let rarity = Readable.rarity(days: alarm.rarityDays).map { ", \($0)" } ?? ""
            lines.append(
                "  \(time(alarm.since)) – \(alarm.until.map(time) ?? "open")  score \(digits(alarm.score))  "
                    + "\(digits(alarm.value)) instead of \(digits(alarm.expected))\(rarity)  "
                    + "[\(alarm.members.joined(separator: " "))]")
        }
        if let proposal = row.proposal {
            for trial in proposal.trials {
                lines.append("  threshold \(trial.threshold): \(digits(trial.alarmsPerDay)) alarms a day")
            }
            lines.append(proposal.proposed.map { "  proposed: \($0)" } ?? "  no threshold keeps within that")
        }
        return lines.joined(separator: "\n")
    }

    static func time(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1_000).formatted(.iso8601)
    }
}
