import ArgumentParser
import Foundation
import TestSupport

/// What decoding a reply of 1,000 stream entries takes, counted by valgrind: the figures are the same in every run.
struct DecodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Allocations and instructions for each entry of a reply, within a budget.")

    @OptionGroup var options: BenchOptions

    @Option(help: "Folder with the programs.")
    var programs = ".build/release"

    private enum Count: String {
        case allocations
        case instructions
    }

    /// What is decoded, what is counted, and the most of it that an entry may take.
    private static let budgets: [(what: String, count: Count, budget: Double)] = [
        ("replies", .allocations, 5.5), ("replies", .instructions, 7_000),
        ("entries", .allocations, 6.5), ("entries", .instructions, 10_000),
    ]
    private static let names = ["replies": "as values", "entries": "as entries of the bus"]
    private static let valgrind = "/usr/bin/valgrind"
    private static let strip = "/usr/bin/strip"

    func run() async throws {
        for tool in [Self.valgrind, Self.strip] where !FileManager.default.isExecutableFile(atPath: tool) {
            throw ValidationError("\(tool) is needed for counting; 'apt-get install valgrind binutils' brings it")
        }
        // Valgrind gives up on the debug information of this compiler.
        let folder = try TestHost.folder("sre-decode")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let probe = "\(folder)/sre-bench-decode"
        try TestHost.run(Self.strip, ["-o", probe, "\(programs)/sre-bench-decode"])
        var measurements: [Measurement] = []
        var isWithin = true
        for (what, count, budget) in Self.budgets {
            let few = try Self.count(count, probe, what, replies: 5)
            let many = try Self.count(count, probe, what, replies: 25)
            let each = (many - few) / (20 * 1_000)
            isWithin = isWithin && each <= budget
            measurements.append(
                Measurement(
                    "\(count.rawValue) for an entry, \(Self.names[what] ?? what)", [each], unit: count.rawValue,
                    peer: "budget", peerRuns: [budget]))
        }
        try BenchReport.publish("decode", measurements, to: options.out)
        guard isWithin else { throw ServerFailure("decoding takes more than its budget") }
    }

    /// Of a whole run of the probe.
    private static func count(_ count: Count, _ probe: String, _ what: String, replies: Int) throws -> Double {
        let (tool, label) =
            switch count {
            case .allocations: (["--leak-check=no"], "total heap usage:")
            case .instructions: (["--tool=callgrind", "--callgrind-out-file=/dev/null"], "Collected :")
            }
        let output = try TestHost.run(valgrind, tool + [probe, what, "\(replies)"])
        guard output.contains("\(replies * 1_000) entries"), let place = output.range(of: label),
            let word = output[place.upperBound...].split(whereSeparator: \.isWhitespace).first,
            let number = Double(word.filter(\.isNumber))
        else { throw ServerFailure("valgrind: \(output)") }
        return number
    }
}
