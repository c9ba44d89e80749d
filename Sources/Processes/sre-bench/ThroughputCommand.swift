import ArgumentParser
import Foundation
import TimeSeries

/// Measures points a second on one core, and the size of the state.
struct ThroughputCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughput", abstract: "Measure points a second on one core, median of five runs.")

    @Option(help: "Points of a run.")
    var points = 100_000

    func validate() throws {
        guard points >= 1_000 else { throw ValidationError("--points must be at least 1000") }
    }

    func run() throws {
        var generator = SplitMix64(seed: 1)
        let samples = (0..<points).map { index in
            Sample(
                timestamp: 1_767_571_200_000 + Int64(index) * 60_000,
                value: 100 + Double.random(in: -5...5, using: &generator))
        }
        let week = Array(samples.prefix(10_080))
        let baseline = try Baseline.learn(from: week, configuration: .init(minimumDays: 0.1))
        report("learn \(week.count) points", unit: "ms", Self.repeated { _ = try? Baseline.learn(from: week) } * 1_000)
        measure("StreamingEnsemble", samples, StreamingEnsemble()) { $0.update($1).score }
        measure("EnsembleDetector", samples, EnsembleDetector(baseline: baseline)) { $0.update($1).score }
        measure("EWMADetector", samples, EWMADetector()) { $0.update($1).score }
        measure("LevelShiftDetector", samples, LevelShiftDetector()) { $0.update($1).score }
        measure("FlatLineDetector", samples, FlatLineDetector()) { $0.update($1).score }
    }

    private func measure<Engine: Encodable>(
        _ name: String, _ samples: [Sample], _ engine: Engine, _ update: (inout Engine, Sample) -> Double
    ) {
        var last = engine
        // Kept, so that the work cannot be optimised away.
        var checksum = 0.0
        let seconds = Self.repeated {
            var copy = engine
            for sample in samples { checksum += update(&copy, sample) }
            last = copy
        }
        report(name, unit: "points/s", Double(samples.count) / seconds)
        guard checksum.isFinite else { return report("\(name) gave a score that is not a number", unit: "", checksum) }
        report("\(name) state as JSON", unit: "bytes", Double((try? JSONEncoder().encode(last).count) ?? 0))
    }

    /// Median seconds of five runs.
    private static func repeated(_ body: () -> Void) -> Double {
        (0..<5).map { _ in
            let begun = ContinuousClock.now
            body()
            return begun.duration(to: .now) / .seconds(1)
        }.sorted()[2]
    }

    private func report(_ name: String, unit: String, _ value: Double) {
        let rounded = value >= 100 ? "\(Int64(value))" : "\((value * 100).rounded() / 100)"
        print("\(name.padding(toLength: 34, withPad: " ", startingAt: 0))\(rounded) \(unit)")
    }
}
