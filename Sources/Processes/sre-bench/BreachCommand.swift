import ArgumentParser
import Foundation
import TimeSeries

/// Forecasts the time to breach of every case of a data set.
struct BreachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "breach", abstract: "Forecast the time to breach of every case in DIR/cases/*.json.")

    @Option(help: "Folder with cases/ID.json (id, history, threshold, step_s).")
    var cases: String

    @Option(help: "File to write {id: {p10, p50, p90 in minutes or null, probability}} to.")
    var out: String

    private struct Answer: Encodable {
        var p10: Double?
        var p50: Double?
        var p90: Double?
        var probability: Double
    }

    func run() throws {
        var answers: [String: Answer] = [:]
        var elapsed = Duration.zero
        for item in try Self.cases(in: cases) {
            let samples = item.samples
            let begun = ContinuousClock.now
            let forecast = BreachForecaster.forecast(
                recent: samples, limit: item.threshold, baseline: try? Baseline.learn(from: samples))
            elapsed += begun.duration(to: .now)
            answers[item.id] = Answer(
                p10: forecast?.p10.map { $0 / 60 }, p50: forecast?.p50.map { $0 / 60 },
                p90: forecast?.p90.map { $0 / 60 }, probability: forecast?.probability ?? 0)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(answers).write(to: URL(fileURLWithPath: out))
        // With the learning of a baseline from the week of each case.
        let mean = (elapsed / .milliseconds(1)) / Double(max(1, answers.count))
        print("\(answers.count) cases, \((mean * 100).rounded() / 100) ms a case with learning")
    }

    /// The cases of DIR/cases/*.json, in the order of their names.
    static func cases(in folder: String) throws -> [BreachCase] {
        try FileManager.default.contentsOfDirectory(atPath: "\(folder)/cases").sorted().map { name in
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/cases/\(name)"))
            do {
                return try JSONDecoder().decode(BreachCase.self, from: data)
            } catch {
                throw ValidationError("\(folder)/cases/\(name) is no case: \(error)")
            }
        }
    }
}

/// A history and a limit that it may reach.
struct BreachCase: Decodable {
    var id: String
    var history: [Double?]
    var threshold: Double
    var step: Double?

    enum CodingKeys: String, CodingKey {
        case id, history, threshold
        case step = "step_s"
    }

    /// From a Monday at midnight: the cases carry no dates.
    var samples: [Sample] {
        history.enumerated().map { index, value in
            Sample(
                timestamp: 1_767_571_200_000 + Int64(index) * Int64((step ?? 300) * 1_000), value: value ?? .nan)
        }
    }
}
