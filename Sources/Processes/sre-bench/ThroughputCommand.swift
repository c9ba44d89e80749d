import ArgumentParser
import Foundation
import TimeSeries

/// Measures points a second on one core, the cost of learning and forecasting, the size of the state, and a fleet.
struct ThroughputCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughput",
        abstract: "Measure points a second on one core, median of five runs, and a fleet of series.")

    @Option(help: "Points of a run.")
    var points = 100_000

    @Option(help: "Series of the fleet, one sample a minute each for ten virtual minutes; 0 for none.")
    var series = 100_000

    @Option(help: "File to write the measurements to, as JSON.")
    var json: String?

    private struct Measurement: Encodable {
        var name: String
        var value: Double
        var unit: String
        var n: Int
        var min: Double
        var median: Double
        var max: Double
    }

    func validate() throws {
        guard points >= 1_000 else { throw ValidationError("--points must be at least 1000") }
        guard (0...1_000_000).contains(series) else { throw ValidationError("--series must be from 0 to 1000000") }
    }

    func run() throws {
        var results: [Measurement] = []
        func report(_ name: String, _ unit: String, _ values: [Double]) {
            let sorted = values.sorted()
            let median = sorted[sorted.count / 2]
            results.append(
                Measurement(
                    name: name, value: median, unit: unit, n: values.count, min: sorted[0], median: median,
                    max: sorted[sorted.count - 1]))
            let rounded = median >= 100 ? "\(Int64(median))" : "\((median * 1_000).rounded() / 1_000)"
            print("\(name.padding(toLength: 44, withPad: " ", startingAt: 0))\(rounded) \(unit)")
        }
        let samples = Self.samples(points)
        let week = Array(Self.samples(10_080))
        let baseline = try Baseline.learn(from: week)
        report("learn 10,080 points", "ms", Self.seconds { _ = try? Baseline.learn(from: week) }.map { $0 * 1_000 })
        let recent = Self.samples(2_016, step: 300_000)
        report(
            "breach of 2,016 points", "ms",
            Self.seconds { _ = BreachForecaster.forecast(recent: recent, limit: 140, baseline: baseline) }
                .map { $0 * 1_000 })
        let hours = Self.samples(700, step: 3_600_000).map(\.value)
        report(
            "forecast of 700 hours", "ms",
            Self.seconds { _ = try? AutoregressionPool(fitting: hours, seasons: [24, 168]).forecast(horizon: 48) }
                .map { $0 * 1_000 })
        report("ensemble", "points/s", rates(samples, StreamingEnsemble()) { $0.read($1).score })
        report("band detectors with hysteresis", "points/s", rates(samples, bands(baseline)) { $0.update($1).score })
        report("3-sigma on a band", "points/s", bandRates(samples, baseline, ThreeSigmaDetector()))
        report("mad on a band", "points/s", bandRates(samples, baseline, MADDetector()))
        report("ewma", "points/s", rates(samples, EWMADetector()) { $0.update($1).score })
        report(
            "standard detector of a series", "points/s",
            rates(samples, EnsembleDetector(baseline: baseline)) {
                $0.update($1).score
            })
        report("iqr on a band", "points/s", bandRates(samples, baseline, IQRDetector()))
        report("level baseline and 3-sigma", "points/s", levelRates(samples))
        report(
            "learn 10,080 points, all of it", "ms",
            Self.seconds { _ = try? LearnedSeries.learn(from: week) }.map { $0 * 1_000 })
        report("level-shift", "points/s", rates(samples, LevelShiftDetector()) { $0.update($1).score })
        report("page-hinkley", "points/s", rates(samples, PageHinkleyDetector()) { $0.update($1).score })
        report("variance-change", "points/s", rates(samples, VarianceChangeDetector()) { $0.update($1).score })
        report("flat-line", "points/s", rates(samples, FlatLineDetector()) { $0.update($1).score })
        let few = Array(samples.prefix(5_000))
        report("isolation-forest", "points/s", rates(few, IsolationForestDetector()) { $0.update($1).score })
        report("random-cut-forest", "points/s", rates(few, RandomCutForestDetector()) { $0.update($1).score })
        report("one-class-svm", "points/s", rates(few, OneClassSupportDetector()) { $0.update($1).score })
        report("matrix-profile", "points/s", rates(few, MatrixProfileDetector()) { $0.update($1).score })
        report("spectral-residual", "points/s", rates(few, SpectralResidualDetector()) { $0.update($1).score })
        report("change-point", "points/s", rates(few, ChangePointDetector()) { $0.update($1).score })
        var warm = StreamingEnsemble()
        for sample in week { _ = warm.update(sample) }
        report("ensemble state", "bytes", [Double(warm.stateBytes)])
        report("ewma state", "bytes", [Double(MemoryLayout<EWMADetector>.size)])
        report("3-sigma, mad state", "bytes", [Double(MemoryLayout<ThreeSigmaDetector>.size)])
        report("level baseline state", "bytes", [Double(MemoryLayout<LevelBaseline>.size)])
        if let snapshot = try? warm.snapshot() { report("ensemble snapshot", "bytes", [Double(snapshot.count)]) }
        if series > 0 {
            let batches = fleet(warm)
            report("fleet of \(series), a virtual second", "ms", batches)
            report("fleet, 99th percentile", "ms", [batches.sorted()[batches.count * 99 / 100]])
            report("fleet, share of one core", "%", [batches.reduce(0, +) / Double(batches.count) / 10])
        }
        guard let json else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(results).write(to: URL(fileURLWithPath: json))
    }

    /// Noise on a daily wave, the same in every run.
    private static func samples(_ count: Int, step: Int64 = 60_000) -> [Sample] {
        var generator = SplitMix64(seed: 1)
        return (0..<count).map { index in
            let time = 1_767_571_200_000 + Int64(index) * step
            let phase = 2 * Double.pi * Double(time % 86_400_000) / 86_400_000
            return Sample(
                timestamp: time, value: 100 + 20 * sin(phase) + Double.random(in: -5...5, using: &generator))
        }
    }

    private func bands(_ baseline: Baseline) -> EnsembleDetector {
        EnsembleDetector(baseline: baseline, configuration: .init(algorithms: [.threeSigma, .mad, .iqr]))
    }

    /// Points a second of five runs.
    private func rates<Engine>(
        _ samples: [Sample], _ engine: Engine, _ update: (inout Engine, Sample) -> Double
    ) -> [Double] {
        // Kept and looked at, so that the work cannot be optimised away.
        var checksum = 0.0
        let seconds = Self.seconds {
            var copy = engine
            for sample in samples { checksum += update(&copy, sample) }
        }
        precondition(checksum >= 0, "a detector gave a score that is not a number")
        return seconds.map { Double(samples.count) / $0 }
    }

    /// The same of a detector on bands that are known: the cheap tier.
    private func bandRates(_ samples: [Sample], _ baseline: Baseline, _ detector: some Detector) -> [Double] {
        let bands = samples.map { baseline.band(at: $0.timestamp) }
        var checksum = 0.0
        let seconds = Self.seconds {
            var copy = detector
            for (sample, band) in zip(samples, bands) {
                checksum += copy.update(timestamp: sample.timestamp, value: sample.value, band: band)
            }
        }
        precondition(checksum >= 0, "a detector gave a score that is not a number")
        return seconds.map { Double(samples.count) / $0 }
    }

    /// The same of the cheap tier as a whole: a band that follows the level, and a detector on it.
    private func levelRates(_ samples: [Sample]) -> [Double] {
        guard let level = try? LevelBaseline.learn(from: Array(samples.prefix(1_440))) else { return [0] }
        var checksum = 0.0
        let seconds = Self.seconds {
            var (baseline, detector) = (level, ThreeSigmaDetector())
            for sample in samples {
                let band = baseline.band(at: sample.timestamp)
                checksum += detector.update(timestamp: sample.timestamp, value: sample.value, band: band)
                baseline.update(sample)
            }
        }
        precondition(checksum >= 0, "a detector gave a score that is not a number")
        return seconds.map { Double(samples.count) / $0 }
    }

    /// Milliseconds of each virtual second of ten minutes, in which a sixtieth of the series gets a sample.
    private func fleet(_ warm: StreamingEnsemble) -> [Double] {
        var detectors = Array(repeating: warm, count: series)
        // Written to, so that each series has a state of its own before time is taken.
        let begin = 1_767_571_200_000 + Int64(10_080) * 60_000
        for index in detectors.indices { _ = detectors[index].update(Sample(timestamp: begin, value: 100)) }
        var generator = SplitMix64(seed: 2)
        return (1...600).map { second in
            let time = begin + Int64(second) * 1_000
            let values = (0..<64).map { _ in Double.random(in: 95...105, using: &generator) }
            let begun = ContinuousClock.now
            for index in stride(from: second % 60, to: series, by: 60) {
                _ = detectors[index].update(Sample(timestamp: time, value: values[index % 64]))
            }
            return begun.duration(to: .now) / .milliseconds(1)
        }
    }

    /// Seconds of five runs.
    private static func seconds(_ body: () -> Void) -> [Double] {
        (0..<5).map { _ in
            let begun = ContinuousClock.now
            body()
            return begun.duration(to: .now) / .seconds(1)
        }
    }
}
