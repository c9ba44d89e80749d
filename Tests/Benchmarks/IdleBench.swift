import ArgumentParser
import Bus
import Foundation
import RedisBus
import TestSupport

/// What an analyzer costs that owns sixteen partitions in which nothing happens.
struct IdleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "Processor time and memory of an analyzer that owns 16 quiet partitions.")

    @OptionGroup var options: BenchOptions

    @Option(help: "Folder with the programs.")
    var programs = ".build/release"

    @Option(help: "Folder with the configuration.")
    var config = "config"

    @Option(help: "Seconds to watch.")
    var seconds = 30.0

    func run() async throws {
        let server = try RedisServer()
        let program = Process()
        program.executableURL = URL(fileURLWithPath: "\(programs)/sre-analyzer")
        program.arguments = ["--config", "\(config)/config.yaml", "--log-level", "critical"]
        program.environment = ProcessInfo.processInfo.environment.merging([
            "REDIS_URL": server.url, "PROMETHEUS_URL": "http://127.0.0.1:9",
        ]) { $1 }
        try program.run()
        defer {
            program.terminate()
            program.waitUntilExit()
        }
        let keys = Keys()
        try await server.use { _, store in
            var owned = 0
            while owned < Partition.defaultCount {
                owned = 0
                for partition in Partition.all() {
                    let record = try await store.lease(keys.lease("analyzer", partition))
                    owned += record.map { $0.owner.isEmpty ? 0 : 1 } ?? 0
                }
            }
        }
        let before = try Self.processorSeconds(program.processIdentifier)
        try await Task.sleep(for: .seconds(seconds))
        let used = try Self.processorSeconds(program.processIdentifier) - before
        let memory = try Self.residentMebibytes(program.processIdentifier)
        try BenchReport.publish(
            "idle",
            [
                Measurement(
                    "processor, 16 quiet partitions", [used / seconds * 100], unit: "% of a core", peer: "limit",
                    peerRuns: [1]),
                Measurement("memory", [memory], unit: "MiB", peer: "limit", peerRuns: [64]),
            ], to: options.out)
    }

    private static func processorSeconds(_ pid: Int32) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        return (Double(fields[12]) ?? 0) / 100 + (Double(fields[13]) ?? 0) / 100
    }

    private static func residentMebibytes(_ pid: Int32) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) } ?? 0) / 1_024
    }
}
