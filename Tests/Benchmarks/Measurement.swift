import Foundation

/// One line of a benchmark's table.
struct Measurement: Encodable {
    var name: String
    /// Median of the runs.
    var value: Double
    var unit: String
    /// What it is compared with: a peer measured in the same run, or a limit.
    var peer: String
    var peerValue: Double
    var ratio: Double
    var n: Int
    var min: Double
    var median: Double
    var max: Double

    private enum CodingKeys: String, CodingKey {
        case name, value, unit, peer, ratio, n, min, median, max
        case peerValue = "peer_value"
    }

    init(_ name: String, _ runs: [Double], unit: String, peer: String, peerRuns: [Double]) {
        let sorted = runs.sorted()
        self.name = name
        self.unit = unit
        self.peer = peer
        n = runs.count
        median = Self.median(runs)
        value = median
        peerValue = Self.median(peerRuns)
        ratio = peerValue == 0 ? 0 : median / peerValue
        min = sorted.first ?? 0
        max = sorted.last ?? 0
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }

    /// The value below which this share of the values lies (nearest rank).
    static func percentile(_ values: [Double], _ share: Double) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[Swift.min(sorted.count - 1, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
    }
}

/// Prints a table and writes it as JSON.
enum BenchReport {
    static func publish(_ name: String, _ measurements: [Measurement], to folder: String) throws {
        func number(_ value: Double) -> String {
            value >= 100 ? "\(Int(value.rounded()))" : "\((value * 100).rounded() / 100)"
        }
        var rows = [["", "ours", "unit", "peer or limit", "", "ratio", "n", "min", "max"]]
        for line in measurements {
            rows.append([
                line.name, number(line.value), line.unit, line.peer, number(line.peerValue), number(line.ratio),
                "\(line.n)", number(line.min), number(line.max),
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            print(
                zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  "))
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(measurements).write(to: URL(fileURLWithPath: "\(folder)/\(name).json"), options: .atomic)
    }
}
