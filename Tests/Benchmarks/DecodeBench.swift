import ArgumentParser
import Foundation
import NIOCore
import RedisClient
import TestSupport

/// Instructions and allocations of decoding an XREADGROUP reply, counted by callgrind and so the same on every run.
struct DecodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Instructions and allocations of decoding an XREADGROUP reply, by callgrind.")

    @OptionGroup var options: BenchOptions

    @Option(help: .hidden)
    var replies: Int?

    private static let entries = 1_000
    private static let budget = (instructions: 14_000.0, allocations: 40.0)

    func run() async throws {
        if let replies { return try Self.decode(replies) }
        let few = try Self.count(5)
        let many = try Self.count(25)
        let decoded = Double(20 * Self.entries)
        let instructions = (many.instructions - few.instructions) / decoded
        let allocations = (many.allocations - few.allocations) / decoded
        try BenchReport.publish(
            "decode",
            [
                Measurement(
                    "instructions an entry", [instructions], unit: "", peer: "budget",
                    peerRuns: [Self.budget.instructions]),
                Measurement(
                    "allocations an entry", [allocations], unit: "", peer: "budget",
                    peerRuns: [Self.budget.allocations]),
            ], to: options.out)
        guard instructions <= Self.budget.instructions, allocations <= Self.budget.allocations else {
            throw ServerFailure("decoding costs more than its budget")
        }
    }

    /// Decodes the same reply of 1,000 entries with six fields so many times.
    private static func decode(_ times: Int) throws {
        var text = "*1\r\n*2\r\n$1\r\ns\r\n*\(entries)\r\n"
        let fields = ["id", "type", "source", "time", "traceparent", "data"]
            .map { "$\($0.count)\r\n\($0)\r\n$40\r\n\(String(repeating: "x", count: 40))\r\n" }.joined()
        for number in 0..<entries {
            let id = "1764000000000-\(number)"
            text += "*2\r\n$\(id.count)\r\n\(id)\r\n*12\r\n\(fields)"
        }
        let buffer = ByteBuffer(string: text)
        let reader = try RESPReader()
        for _ in 0..<times {
            try reader.feed(buffer)
            guard let value = try reader.next(), value.array?.count == 1 else { throw ServerFailure("not decoded") }
        }
    }

    private static func count(_ times: Int) throws -> (instructions: Double, allocations: Double) {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let folder = try TestHost.folder("callgrind")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/out"
        // Valgrind does not read the debug information of newer compilers.
        let program = "\(folder)/program"
        try TestHost.run("/usr/bin/strip", ["-o", program, own])
        let output = try TestHost.run(
            "/usr/bin/valgrind",
            ["--tool=callgrind", "--callgrind-out-file=\(file)", program, "decode", "--replies", "\(times)"])
        guard let line = output.split(separator: "\n").last(where: { $0.contains("Collected :") }),
            let instructions = line.split(separator: " ").last.flatMap({ Double($0) })
        else { throw ServerFailure("callgrind counted nothing: \(output)") }
        return (instructions, try calls("malloc", file))
    }

    /// Sum of the calls of a function in a callgrind file, whose names are given once and then by number.
    private static func calls(_ name: String, _ file: String) throws -> Double {
        var number: Substring?
        var isCallee = false
        var total = 0.0
        for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
            if line.hasPrefix("cfn=") || line.hasPrefix("fn=") {
                let text = line[line.index(after: line.firstIndex(of: "=") ?? line.startIndex)...]
                let parts = text.split(separator: " ", maxSplits: 1)
                if parts.count == 2, parts[1] == name { number = parts[0] }
                if line.hasPrefix("cfn=") { isCallee = parts.first == number && number != nil }
            } else if isCallee, line.hasPrefix("calls=") {
                total += line.dropFirst(6).split(separator: " ").first.flatMap { Double($0) } ?? 0
                isCallee = false
            }
        }
        return total
    }
}
