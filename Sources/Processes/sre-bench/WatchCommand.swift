import ArgumentParser
import Foundation
import TimeSeries

/// Runs series through the watch for breaches step by step, as the analyzer does.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Replay series through the watch for breaches: false warnings a week, lead times, flapping.",
        discussion: """
            Cases come with a limit. The series of a data set get two: the highest value of their first three days, and
            a tenth or a half of their range above it. Labels are not read.
            """)

    @Option(help: "Folder with cases/ID.json (id, history, threshold, step_s).")
    var cases: String?

    @Option(help: "Folder with metrics/index.csv and metrics/CORPUS/ID.csv (timestamp,value,…).")
    var data: String?

    @Option(help: "File to write the measurements to, as JSON.")
    var json: String?

    private struct Total: Encodable {
        var name: String
        var series = 0
        var weeks = 0.0
        var warnings = 0
        var falseWarnings = 0
        var flaps = 0
        var breaches = 0
        var warned = 0
        /// Minutes.
        var leads: [Double] = []

        mutating func add(_ replay: BreachReplay) {
            series += 1
            weeks += replay.days / 7
            warnings += replay.warnings.count(where: \.isDecided)
            falseWarnings += replay.falseWarnings
            flaps += replay.warnings.reduce(0) { $0 + $1.flaps }
            breaches += replay.breaches.count
            warned += replay.warned
            leads += replay.warnings.compactMap(\.lead).map { $0 / 60 }
        }

        var line: String {
            let sorted = leads.sorted()
            func lead(_ share: Double) -> String {
                sorted.isEmpty ? "-" : "\(Int(sorted[Int(share * Double(sorted.count - 1))]))"
            }
            func digits(_ value: Double) -> String { value.isFinite ? "\((value * 1_000).rounded() / 1_000)" : "-" }
            return "\(name): \(series) series, \(digits(weeks)) series-weeks, \(warnings) warnings, "
                + "\(digits(Double(falseWarnings) / weeks)) false a series-week, \(warned) of \(breaches) breaches warned of, "
                + "lead \(lead(0.1))/\(lead(0.5))/\(lead(0.9)) min, "
                + "\(digits(Double(flaps) / Double(warnings))) flaps a warning"
        }
    }

    func validate() throws {
        guard cases != nil || data != nil else { throw ValidationError("give --cases or --data") }
    }

    /// When a score is told: the series' samples are minutes apart, where live ones are seconds.
    private static let detector = DetectorConfiguration(consecutive: 1, clearAfter: 1)

    func run() throws {
        var totals: [Total] = []
        let begun = ContinuousClock.now
        if let cases {
            var total = Total(name: "cases")
            for item in try BreachCommand.cases(in: cases) {
                let limit = SeriesLimit(value: item.threshold, source: .declared)
                total.add(BreachReplay(item.samples, limit: limit, detector: Self.detector))
            }
            totals.append(total)
        }
        if let data {
            var byCorpus: [String: Total] = [:]
            for (corpus, samples) in try DetectCommand.series(in: data) {
                for share in [0.1, 0.5] {
                    guard let limit = Self.limit(samples, share) else { continue }
                    let name = "\(corpus), limit \(Int(share * 100)) % of the range above the first days"
                    byCorpus[name, default: Total(name: name)].add(
                        BreachReplay(samples, limit: limit, detector: Self.detector))
                }
            }
            totals += byCorpus.values.sorted { $0.name < $1.name }
        }
        for total in totals { print(total.line) }
        print("\((begun.duration(to: .now) / .seconds(1)).rounded()) s")
        guard let json else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(totals).write(to: URL(fileURLWithPath: json))
    }

    private static func limit(_ samples: [Sample], _ share: Double) -> SeriesLimit? {
        guard let first = samples.first?.timestamp else { return nil }
        let values = samples.filter { $0.timestamp < first + 3 * 86_400_000 }.map(\.value).filter(\.isFinite)
        guard let low = values.min(), let high = values.max(), high > low else { return nil }
        return SeriesLimit(value: high + share * (high - low), source: .declared)
    }
}
