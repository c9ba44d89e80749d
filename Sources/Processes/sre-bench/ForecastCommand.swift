import ArgumentParser
import Foundation
import TimeSeries

/// Forecasts every series of a competition's data set.
struct ForecastCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forecast", abstract: "Forecast the next 48 values of every hourly series in DIR/train.csv.")

    @Option(help: "Folder with train.csv: a series a line, id,values… at a distance of an hour.")
    var m4: String

    @Option(help: "File to write id,48 values to.")
    var out: String

    @Option(help: "Days of history that are used at most.")
    var days: Int?

    @Option(help: "Forecaster: \(ForecastMethod.allCases.map(\.rawValue).joined(separator: ", ")).")
    var method = ForecastMethod.standard

    func validate() throws {
        if let days, days < 1 { throw ValidationError("--days must be at least 1") }
    }

    func run() throws {
        var lines = ""
        var elapsed: [Double] = []
        for line in try String(contentsOfFile: "\(m4)/train.csv", encoding: .utf8).split(whereSeparator: \.isNewline) {
            let columns = line.split(separator: ",", omittingEmptySubsequences: false)
            var history = columns.dropFirst().map { Double($0) ?? .nan }
            if let days { history = Array(history.suffix(24 * days)) }
            let begun = ContinuousClock.now
            let path: ForecastPath
            do throws(ForecastError) {
                path = try method.type.init(fitting: history, seasons: [24, 168]).forecast(horizon: 48)
            } catch {
                throw ValidationError("train.csv, series '\(columns.first ?? "")': \(error)")
            }
            elapsed.append(begun.duration(to: .now) / .milliseconds(1))
            lines += "\(columns.first ?? ""),\(path.p50.map { "\($0)" }.joined(separator: ","))\n"
        }
        try lines.write(toFile: out, atomically: true, encoding: .utf8)
        let mean = elapsed.reduce(0, +) / Double(max(1, elapsed.count))
        let (least, most) = (elapsed.min() ?? 0, elapsed.max() ?? 0)
        print("\(elapsed.count) series, ms a series: mean \(mean), least \(least), most \(most)")
    }
}

extension ForecastMethod: ExpressibleByArgument {}
