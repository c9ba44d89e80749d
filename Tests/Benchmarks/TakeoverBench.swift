import ArgumentParser
import Bus
import Foundation
import Proofs
import RedisBus
import TestSupport

/// How long a killed worker's partitions stand still, and how soon a decision is seen.
struct TakeoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "takeover", abstract: "Time from kill -9 to the next commit, and from a decision to its reader.")

    @OptionGroup var options: BenchOptions

    @Option(help: "Workers to kill.")
    var kills = 60

    func run() async throws {
        let takeovers = try await TakeoverMeasurement.takeovers(kills)
        let sightings = try await TakeoverMeasurement.sightings(300)
        let late = Measurement.percentile(takeovers, 0.99)
        let seen = Measurement.percentile(sightings, 0.99)
        var measurements = [
            Measurement("kill -9 to next commit", takeovers, unit: "ms", peer: "lease + 300 ms", peerRuns: [900]),
            Measurement("decision to its reader, idle", sightings, unit: "ms", peer: "limit", peerRuns: [50]),
        ]
        measurements.append(
            Measurement("  p99 of kill -9 to next commit", [late], unit: "ms", peer: "lease + 300 ms", peerRuns: [900]))
        measurements.append(
            Measurement("  p99 of decision to its reader", [seen], unit: "ms", peer: "limit", peerRuns: [50]))
        try BenchReport.publish("takeover", measurements, to: options.out)
    }
}
