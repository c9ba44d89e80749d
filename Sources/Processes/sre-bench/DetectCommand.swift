import ArgumentParser
import Foundation
import TimeSeries

/// Scores every series of a data set: one configuration, causal, one score a row.
struct DetectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detect", abstract: "Score every series of ROOT/metrics/index.csv.")

    @Option(help: "Folder with metrics/index.csv and metrics/CORPUS/ID.csv (timestamp,value,…).")
    var data: String

    @Option(help: "Folder to write CORPUS__ID.csv (timestamp,score) to.")
    var out: String

    func run() throws {
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        let index = try String(contentsOfFile: "\(data)/metrics/index.csv", encoding: .utf8)
        var points = 0
        var elapsed = Duration.zero
        for line in index.split(whereSeparator: \.isNewline).dropFirst() {
            let columns = line.split(separator: ",")
            guard columns.count >= 2 else { throw ValidationError("index.csv: '\(line)' is not corpus,id,…") }
            let (stamps, samples) = try Self.series("\(data)/metrics/\(columns[0])/\(columns[1]).csv")
            let begun = ContinuousClock.now
            var ensemble = StreamingEnsemble()
            let scores = samples.map { ensemble.read($0).score }
            elapsed += begun.duration(to: .now)
            points += samples.count
            let rows = zip(stamps, scores).map { "\($0),\($1)\n" }
            let name = "\(columns[0])__\(columns[1].replacingOccurrences(of: "/", with: "+")).csv"
            try ("timestamp,score\n" + rows.joined()).write(toFile: "\(out)/\(name)", atomically: true, encoding: .utf8)
        }
        print("\(points) points, \(Int(Double(points) / (elapsed / .seconds(1)))) points/s")
    }

    /// Corpus and samples of every series of ROOT/metrics/index.csv.
    static func series(in root: String) throws -> [(corpus: String, samples: [Sample])] {
        try String(contentsOfFile: "\(root)/metrics/index.csv", encoding: .utf8).split(whereSeparator: \.isNewline)
            .dropFirst().map { line in
                let columns = line.split(separator: ",")
                guard columns.count >= 2 else { throw ValidationError("index.csv: '\(line)' is not corpus,id,…") }
                return (
                    String(columns[0]), try series("\(root)/metrics/\(columns[0])/\(columns[1]).csv").samples
                )
            }
    }

    private static func series(_ file: String) throws -> (stamps: [Substring], samples: [Sample]) {
        var stamps: [Substring] = []
        var samples: [Sample] = []
        for row in try String(contentsOfFile: file, encoding: .utf8).split(whereSeparator: \.isNewline).dropFirst() {
            let columns = row.split(separator: ",", omittingEmptySubsequences: false)
            guard columns.count >= 2, let time = milliseconds(columns[0]) else {
                throw ValidationError("\(file): '\(row)' is not timestamp,value")
            }
            stamps.append(columns[0])
            samples.append(Sample(timestamp: time, value: Double(columns[1]) ?? .nan))
        }
        return (stamps, samples)
    }

    /// `yyyy-MM-dd HH:mm[:ss]` in UTC.
    private static func milliseconds(_ text: Substring) -> Int64? {
        let parts = text.split { !$0.isNumber }.compactMap { Int($0) }
        guard parts.count >= 5 else { return nil }
        var date = DateComponents()
        (date.year, date.month, date.day, date.hour, date.minute) = (parts[0], parts[1], parts[2], parts[3], parts[4])
        date.second = parts.count > 5 ? parts[5] : 0
        return calendar.date(from: date).map { Int64($0.timeIntervalSince1970) * 1_000 }
    }

    private static let calendar: Calendar = {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar
    }()
}
