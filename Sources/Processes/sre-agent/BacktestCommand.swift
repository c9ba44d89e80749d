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
            lowest one that keeps within so many alarms a day for each series.
            """)

    @Argument(help: "Metrics of the metrics map; all of them when none is named.")
    var metrics: [String] = []

    @OptionGroup var history: HistoryOptions

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
    }

    func run() async throws {
        let configuration = try LoadedConfiguration(file: history.config)
        let now = ProcessContext.now().rawValue
        let names = metrics.isEmpty ? configuration.metrics.map(\.name) : metrics
        var rows: [Row] = []
        for name in names {
            for series in try await history.load(name, configuration, now: now) {
                let row = try judged(series, configuration, metric: name, now: now)
                rows.append(row)
                if !json { print(Self.text(row)) }
            }
        }
        guard json else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(rows), as: UTF8.self))
    }

    private func judged(
        _ series: HistoryOptions.History, _ configuration: LoadedConfiguration, metric: String, now: Int64
    ) throws -> Row {
        let analysis = configuration.analysis
        let detector = configuration.detector(of: metric)
        let run = Backtest(
            series.samples, detector: detector, baselineConfiguration: analysis.baseline,
            learningDays: analysis.learningDays,
            from: history.csv == nil ? try history.interval(now: now).lowerBound : nil)
        let agreement = run.agreement(with: series.incidents)
        let proposal = propose.map {
            ThresholdProposal(
                series.samples, alarmsPerDay: $0, incidents: series.incidents, detector: detector,
                baselineConfiguration: analysis.baseline, learningDays: analysis.learningDays)
        }
        return Row(
            series: series.name, days: run.days, alarmsPerDay: run.alarmsPerDay,
            precision: series.incidents.isEmpty ? nil : agreement.precision, recall: agreement.recall,
            alarms: run.alarms, problem: run.points.isEmpty ? run.problem.map { "\($0)" } ?? "no samples then" : nil,
            proposal: proposal)
    }

    private static func text(_ row: Row) -> String {
        if let problem = row.problem { return "\(row.series): not judged, \(problem)" }
        func digits(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        var lines = [
            "\(row.series): \(row.alarms.count) alarms in \(digits(row.days)) days, \(digits(row.alarmsPerDay)) a day"
                + (row.precision.map { ", precision \(digits($0))" } ?? "")
                + (row.recall.map { ", recall \(digits($0))" } ?? "")
        ]
        for alarm in row.alarms {
            let rarity = alarm.rarityDays >= 2 ? ", once in \(Int(min(9_999, alarm.rarityDays))) days" : ""
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
