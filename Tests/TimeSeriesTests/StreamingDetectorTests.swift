import Foundation
import Glibc
import Testing

@testable import TimeSeries

struct StreamingDetectorTests {
    private func run(_ detector: inout some StreamingDetector, _ values: [Double]) -> [Double] {
        values.enumerated().map { detector.update(Sample(timestamp: Int64($0) * 60_000, value: $1)).score }
    }

    private func noise(_ count: Int, seed: UInt64, level: Double = 100) -> [Double] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { _ in level + generator.normal() }
    }

    private func alarms(_ detector: some StreamingDetector, _ values: [Double]) -> Int {
        var detector = detector
        return run(&detector, values).count { $0 >= 0.7 }
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func normalNoiseIsQuiet(seed: UInt64) {
        let values = noise(4_000, seed: seed)
        #expect(alarms(EWMADetector(), values) <= 2)
        #expect(alarms(FlatLineDetector(), values) == 0)
        #expect(alarms(LevelShiftDetector(), values) == 0)
        #expect(alarms(SpectralResidualDetector(), values) <= 8)
        #expect(alarms(IsolationForestDetector(), values) <= 8)
    }

    @Test func spikeIsSeenByTheDetectorsOfSpikes() {
        var values = noise(1_000, seed: 4)
        values[900] = 115
        var (ewma, spectral, forest) = (EWMADetector(), SpectralResidualDetector(), IsolationForestDetector())
        #expect(run(&ewma, values)[900] > 0.9)
        #expect(run(&spectral, values)[900] > 0.7)
        #expect(run(&forest, values)[900] > 0.7)
        #expect(alarms(LevelShiftDetector(), values) == 0)
    }

    @Test func smallLastingShiftIsSeenByCUSUMOnly() throws {
        let values = noise(1_500, seed: 5) + noise(100, seed: 6, level: 102)
        var shift = LevelShiftDetector()
        let first = try #require(run(&shift, values).firstIndex { $0 >= 0.7 })
        #expect((1_500..<1_530).contains(first))
        #expect(alarms(EWMADetector(), Array(values.suffix(600))) <= 1)
    }

    @Test func stuckSeriesIsFlat() throws {
        var detector = FlatLineDetector()
        let values = noise(200, seed: 7)
        let scores = run(&detector, values + Array(repeating: values[199], count: 20))
        #expect(scores[201] < 0.7)
        #expect(try #require(scores.last) > 0.9)
        let gauge = (0..<400).map { Double($0 / 10) }
        #expect(alarms(FlatLineDetector(), gauge) == 0)
        #expect(alarms(FlatLineDetector(), Array(repeating: 3, count: 400)) == 0)
    }

    @Test func forestDependsOnItsSeedOnly() {
        let values = noise(600, seed: 8)
        var (one, same, other) = (
            IsolationForestDetector(seed: 1), IsolationForestDetector(seed: 1), IsolationForestDetector(seed: 2)
        )
        let scores = run(&one, values)
        #expect(run(&same, values) == scores)
        #expect(run(&other, values) != scores)
    }

    @Test func transformIsInvertedAndFindsAWave() {
        var real = (0..<64).map { cos(2 * .pi * 5 * Double($0) / 64) }
        var imaginary = Array(repeating: 0.0, count: 64)
        let original = real
        FourierTransform.forward(&real, &imaginary)
        #expect(abs(real[5] - 32) < 1e-9)
        #expect(abs(real[6]) < 1e-9)
        FourierTransform.inverse(&real, &imaginary)
        #expect(zip(real, original).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    /// Bad input, determinism and resuming hold for all of them.
    private func obeysTheProtocol<D: StreamingDetector>(_ fresh: D) throws {
        var generator = SplitMix64(seed: 9)
        let values = (0..<700).map { index in
            index % 7 == 0 ? badValues.randomElement(using: &generator) ?? 0 : 100 + generator.normal()
        }
        var (whole, halved) = (fresh, fresh)
        let scores = run(&whole, values)
        #expect(scores.allSatisfy { (0...1).contains($0) }, "\(D.name)")
        for (value, score) in zip(values, scores) where !(abs(value) < 1e150) { #expect(score == 0) }
        _ = run(&halved, Array(values.prefix(400)))
        var resumed = try JSONDecoder().decode(D.self, from: JSONEncoder().encode(halved))
        #expect(run(&resumed, Array(values.dropFirst(400))) == Array(scores.dropFirst(400)), "\(D.name)")
        for constant in [0, 7, 1e149, -1e149, .leastNonzeroMagnitude] {
            var detector = fresh
            #expect(run(&detector, Array(repeating: constant, count: 400)).allSatisfy { $0 == 0 }, "\(D.name)")
        }
        var extreme = fresh
        let swings = (0..<400).map { $0 % 2 == 0 ? 9e149 : -9e149 }
        #expect(run(&extreme, swings).allSatisfy { (0...1).contains($0) }, "\(D.name)")
    }

    @Test func allObeyTheProtocol() throws {
        try obeysTheProtocol(EWMADetector())
        try obeysTheProtocol(FlatLineDetector())
        try obeysTheProtocol(LevelShiftDetector())
        try obeysTheProtocol(SpectralResidualDetector())
        try obeysTheProtocol(IsolationForestDetector())
    }
}
