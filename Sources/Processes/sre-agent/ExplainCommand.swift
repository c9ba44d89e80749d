import Analyzer
import ArgumentParser
import Foundation
import Model
import Perception
import Runtime
import TimeSeries

/// Draws a metric's series with band, anomalies and forecast.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Draw a metric with its band, anomalies and forecast, and say why.")

    @Argument(help: "Metric of the metrics map.")
    var metric: String

    @OptionGroup var history: HistoryOptions

    @Option(help: "File to write the picture of the first series to, as SVG.")
    var svg: String?

    @Option(help: "Columns of the terminal picture, 20 to 400.")
    var width = 78

    func validate() throws {
        guard (20...400).contains(width) else { throw ValidationError("--width must be from 20 to 400") }
    }

    func run() async throws {
        let configuration = try LoadedConfiguration(file: history.config)
        let all = try await history.load(metric, configuration, now: ProcessContext.now().rawValue)
        for (index, series) in all.enumerated() {
            let picture = try picture(series, configuration)
            print(picture.chart.terminal(width: width, isColored: isatty(STDOUT_FILENO) == 1))
            for line in picture.lines { print("  \(line)") }
            print("")
            guard let svg, index == 0 else { continue }
            do {
                try picture.chart.svg().write(toFile: svg, atomically: true, encoding: .utf8)
            } catch {
                throw AgentFailure("\(svg) cannot be written")
            }
            print("wrote \(svg)")
        }
    }

    private func picture(
        _ series: HistoryOptions.History, _ configuration: LoadedConfiguration
    ) throws -> (chart: SeriesChart, lines: [String]) {
        let analysis = configuration.analysis
        let from = history.csv == nil ? try history.interval(now: ProcessContext.now().rawValue).lowerBound : nil
        let run = Backtest(
            series.samples, detector: configuration.detector(of: metric), baselineConfiguration: analysis.baseline,
            learningDays: analysis.learningDays, choosesAlgorithms: configuration.choosesAlgorithms(of: metric),
            from: from)
        guard let last = run.points.last, let baseline = run.baseline else {
            throw AgentFailure("\(series.name): \(run.problem.map { "\($0)" } ?? "no samples then")")
        }
        var points = run.points.map { point in
            SeriesChart.Point(
                timestamp: point.sample.timestamp, value: point.sample.value, lower: point.band.lower,
                upper: point.band.upper, isAnomalous: point.isOpen)
        }
        func amount(_ value: Double) -> String { Readable.amount(value, series.definition?.unit ?? "") }
        var lines = [
            "season: \(baseline.seasonReason)",
            "points: \(baseline.points) over \(Readable.number((baseline.spanDays * 10).rounded() / 10)) days",
            "algorithms: \(run.choice?.reason ?? "named by the metrics map")",
        ]
        let limit = series.limit ?? learnedLimit(run.points.map(\.sample), series)
        if let limit { lines.append("limit: \(amount(limit.value)) (\(limit.source.rawValue)): \(limit.reason)") }
        if let mismatch = series.mismatch { lines.append("limit: \(mismatch)") }
        // Without a limit only the path is asked for: this one is beyond all values that count.
        let breach = BreachForecaster.forecast(
            recent: run.points.map(\.sample), limit: limit?.value ?? 9.9e149,
            limitIsUpper: limit?.isUpper ?? (series.definition?.direction != .below), baseline: baseline,
            configuration: analysis.forecast)
        points += (breach?.path ?? []).map { step in
            SeriesChart.Point(
                timestamp: step.timestamp, value: step.p50, lower: step.p10, upper: step.p90, isForecast: true)
        }
        for alarm in run.alarms.suffix(5) {
            let end = alarm.until.map { "until \(BacktestCommand.time($0))" } ?? "and goes on"
            lines.append(
                "anomaly since \(BacktestCommand.time(alarm.since)) \(end): \(amount(alarm.value)) instead of "
                    + "\(amount(alarm.expected)), seen by \(alarm.members.joined(separator: ", "))"
                    + (Readable.rarity(days: alarm.rarityDays).map { ", comes \($0)" } ?? ""))
        }
        lines.append(
            "now: \(amount(last.sample.value)), expected \(amount(last.band.expected)) within "
                + "\(amount(last.band.lower)) to \(amount(last.band.upper))")
        if let limit, let breach { lines.append(Self.sentence(breach, amount(limit.value))) }
        return (SeriesChart(title: series.name, points: points, limit: limit?.value), lines)
    }

    /// The level at which the series has saturated, where it has no other limit.
    private func learnedLimit(_ samples: [Sample], _ series: HistoryOptions.History) -> SeriesLimit? {
        guard series.definition?.direction != .below, series.definition?.findsLimits != false else { return nil }
        return SaturationPoint.learn(from: samples, unit: series.definition?.unit ?? "")
    }

    private static func sentence(_ breach: BreachForecast, _ limit: String) -> String {
        if breach.alreadyBreached { return "the limit of \(limit) is exceeded" }
        func time(_ seconds: Double?) -> String { seconds.map { Readable.duration($0) } ?? "beyond the horizon" }
        let chance = "\(Int((breach.probability * 100).rounded())) %"
        guard breach.p50 != nil else { return "limit of \(limit): reached with a probability of \(chance) only" }
        return "limit of \(limit): reached with a probability of \(chance), then in \(time(breach.p50)) "
            + "(\(time(breach.p10)) to \(time(breach.p90)))"
    }
}
