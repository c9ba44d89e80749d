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
        var lines = [
            "season: \(baseline.seasonReason)", "points: \(baseline.points) over \(Int(baseline.spanDays)) days",
            "algorithms: \(run.choice?.reason ?? "named by the metrics map")",
        ]
        let limit = series.limit ?? learnedLimit(run.points.map(\.sample), series)
        if let limit { lines.append("limit: \(Self.short(limit.value)), \(limit.source.rawValue): \(limit.reason)") }
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
                "anomaly since \(BacktestCommand.time(alarm.since)) \(end): \(Self.short(alarm.value)) instead of "
                    + "\(Self.short(alarm.expected)), seen by \(alarm.members.joined(separator: ", "))"
                    + (Readable.rarity(days: alarm.rarityDays).map { ", comes \($0)" } ?? ""))
        }
        lines.append(
            "now: \(Self.short(last.sample.value)), expected \(Self.short(last.band.expected)) within "
                + "\(Self.short(last.band.lower)) to \(Self.short(last.band.upper))")
        if limit != nil, let breach { lines.append(Self.sentence(breach)) }
        return (SeriesChart(title: series.name, points: points, limit: limit?.value), lines)
    }

    /// The level at which the series has saturated, where it has no other limit.
    private func learnedLimit(_ samples: [Sample], _ series: HistoryOptions.History) -> SeriesLimit? {
        guard series.definition?.direction != .below, series.definition?.findsLimits != false else { return nil }
        return SaturationPoint.learn(from: samples, unit: series.definition?.unit ?? "")
    }

    /// Four digits.
    private static func short(_ value: Double) -> String {
        value.formatted(.number.precision(.significantDigits(1...4)).grouping(.never))
    }

    private static func sentence(_ breach: BreachForecast) -> String {
        if breach.alreadyBreached { return "the limit of \(breach.limit) is exceeded" }
        func minutes(_ seconds: Double?) -> String { seconds.map { "\(Int($0 / 60)) min" } ?? "beyond the horizon" }
        let chance = "\(Int((breach.probability * 100).rounded())) %"
        guard breach.p50 != nil else { return "limit of \(breach.limit): reached with a probability of \(chance) only" }
        return "limit of \(breach.limit): reached with a probability of \(chance), then in \(minutes(breach.p50)) "
            + "(\(minutes(breach.p10)) to \(minutes(breach.p90)))"
    }
}
