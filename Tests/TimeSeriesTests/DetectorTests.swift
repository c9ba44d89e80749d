import Foundation
import Testing

@testable import TimeSeries

/// What all streaming detectors have in common, and what each of the rarer ones is for.
struct DetectorTests {
    private func noise(_ count: Int, seed: UInt64, level: Double = 100, deviation: Double = 1) -> [Double] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { _ in level + deviation * generator.normal() }
    }

    private func run(_ detector: some StreamingDetector, _ values: [Double]) -> [Double] {
        var detector = detector
        return values.enumerated().map {
            detector.update(Sample(timestamp: Int64($0) * 60_000, value: $1)).score
        }
    }

    private static let all: [any StreamingDetector] = [
        EWMADetector(), FlatLineDetector(), LevelShiftDetector(), SpectralResidualDetector(),
        IsolationForestDetector(), RandomCutForestDetector(), OneClassSupportDetector(), ChangePointDetector(),
        PageHinkleyDetector(), MatrixProfileDetector(), VarianceChangeDetector(), MissingDataDetector(),
        CounterResetDetector(), StreamingEnsemble(),
    ]

    @Test func badInputIsDefinedForAll() throws {
        for detector in Self.all {
            for seed in 1...3 as ClosedRange<UInt64> {
                try fuzz(detector, seed: seed)
            }
        }
    }

    /// Values and times of all kinds, and a state that is stored and taken up in between.
    private func fuzz<D: StreamingDetector>(_ fresh: D, seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var detector = fresh
        var time: Int64 = seed == 2 ? .min : 0
        for index in 0..<600 {
            let kind = Int.random(in: 0..<12, using: &generator)
            var value = 10 + generator.normal()
            if kind == 0 { value = (badValues + [9e149, -9e149]).randomElement(using: &generator) ?? 0 }
            if kind == 1 { value = 10 }
            time = kind == 2 ? time &- 60_000 : kind == 3 ? time &+ 86_400_000 : kind == 4 ? time : time &+ 60_000
            if index == 500 { time = .max - 1_000 }
            let judged = detector.update(Sample(timestamp: time, value: value))
            let isFinite = judged.expected.isFinite && judged.lower.isFinite && judged.upper.isFinite
            #expect((0...1).contains(judged.score) && isFinite, "\(D.name)")
            #expect(judged.lower <= judged.expected && judged.expected <= judged.upper, "\(D.name)")
            if index == 300 {
                let stored = try JSONDecoder().decode(D.self, from: JSONEncoder().encode(detector))
                #expect(stored == detector, "\(D.name)")
                detector = stored
            }
        }
    }

    @Test func unusableSamplesChangeNothing() {
        func check<D: StreamingDetector>(_ fresh: D) {
            var detector = fresh
            for (index, value) in noise(100, seed: 2).enumerated() {
                _ = detector.update(Sample(timestamp: Int64(index) * 60_000, value: value))
            }
            let before = detector
            for value in [Double.nan, .infinity, -1e308] {
                #expect(detector.update(Sample(timestamp: 9_000_000, value: value)).score == 0, "\(D.name)")
            }
            #expect(detector == before, "\(D.name)")
        }
        for detector in Self.all { check(detector) }
    }

    @Test func noiseIsQuietForTheRarerOnes() {
        let values = noise(3_000, seed: 3)
        let quiet: [(any StreamingDetector, Int)] = [
            (ChangePointDetector(), 3), (PageHinkleyDetector(), 2), (VarianceChangeDetector(), 3),
            (MatrixProfileDetector(), 3), (OneClassSupportDetector(), 30), (RandomCutForestDetector(), 25),
            (MissingDataDetector(), 0), (CounterResetDetector(), 0),
        ]
        for (detector, most) in quiet {
            let raised = run(detector, values).count { $0 >= 0.7 }
            #expect(raised <= most, "\(type(of: detector)): \(raised)")
        }
    }

    @Test func changeOfTheMeanIsSeenSoonAndOnce() throws {
        let values = noise(600, seed: 4) + noise(200, seed: 5, level: 104)
        for detector in [ChangePointDetector(), PageHinkleyDetector()] as [any StreamingDetector] {
            let scores = run(detector, values)
            let first = try #require(scores.firstIndex { $0 >= 0.7 })
            #expect((600..<620).contains(first), "\(type(of: detector))")
            #expect(scores[640...].count { $0 >= 0.7 } <= 1, "\(type(of: detector))")
        }
    }

    @Test func changeOfTheVarianceIsSeenInEitherDirection() {
        for deviation in [4.0, 0.1] {
            let scores = run(
                VarianceChangeDetector(), noise(1_000, seed: 6) + noise(60, seed: 7, deviation: deviation))
            #expect(scores[1_000..<1_060].contains { $0 >= 0.7 }, "\(deviation)")
        }
        var spike = noise(1_000, seed: 8)
        spike[900] += 30
        #expect(run(VarianceChangeDetector(), spike).allSatisfy { $0 < 0.7 })
    }

    @Test func outlierIsSeenByForestAndSupportVectors() {
        var values = noise(800, seed: 9)
        values[700] = 112
        // A hundred points in a tree bound what one of them can displace: the largest score by far is half of the scale.
        let displaced = run(RandomCutForestDetector(), values)
        #expect(displaced[700] > 0.5)
        #expect(displaced.indices.max { displaced[$0] < displaced[$1] }.map { (700...703).contains($0) } == true)
        #expect(run(OneClassSupportDetector(), values)[700] > 0.7)
    }

    @Test func strangeShapeIsADiscord() {
        var generator = SplitMix64(seed: 10)
        var values = (0..<700).map { sin(2 * .pi * Double($0) / 20) + 0.05 * generator.normal() }
        // Within the range of the wave, so that no detector of values sees it.
        for index in 600..<616 { values[index] = 0.5 * sin(2 * .pi * Double(index) / 5) }
        let scores = run(MatrixProfileDetector(), values)
        #expect(scores[604..<632].contains { $0 >= 0.7 })
        #expect(scores[..<600].allSatisfy { $0 < 0.7 })
    }

    @Test func silenceIsMissingData() {
        var detector = MissingDataDetector()
        var time: Int64 = 0
        for index in 0..<500 {
            // One sample in ten is missing by nature.
            time += index % 10 == 0 ? 120_000 : 60_000
            _ = detector.update(Sample(timestamp: time, value: 1))
        }
        #expect(abs(detector.stepMilliseconds - 60_000) < 3_000)
        #expect(detector.silence(at: time + 60_000) == 0)
        #expect(detector.silence(at: time + 180_000) < 0.7)
        #expect(detector.silence(at: time + 900_000) >= 0.7)
        #expect(detector.update(Sample(timestamp: time + 900_000, value: 1)).score >= 0.7)
        for _ in 0..<200 {
            time += 300_000
            _ = detector.update(Sample(timestamp: time + 900_000, value: 1))
        }
        #expect(abs(detector.stepMilliseconds - 300_000) < 15_000)
        #expect(detector.silence(at: time + 900_000 + 400_000) < 0.7)
    }

    @Test func counterThatFallsWasReset() {
        var values = (0..<100).map { Double($0 * 7) }
        values += (0..<50).map { Double($0 * 7) }
        let scores = run(CounterResetDetector(), values)
        #expect(scores[100] > 0.9)
        #expect(scores.count { $0 >= 0.7 } == 1)
        #expect(run(CounterResetDetector(), noise(500, seed: 11)).allSatisfy { $0 == 0 })
        var rate = CounterRate()
        let rates = values.enumerated().compactMap {
            rate.update(Sample(timestamp: Int64($0) * 7_000, value: $1))?.value
        }
        #expect(rates.count == 149)
        #expect(rates.count { $0 != 1 } == 1)
        #expect(rates[99] == 0)
    }

    @Test func treeKeepsItsBooksWhilePointsComeAndGo() {
        var tree = RandomCutTree(dimensions: 3, seed: 1)
        var generator = SplitMix64(seed: 12)
        var leaves: [Int] = []
        for index in 0..<2_000 {
            // Coarse values, so that equal points come up.
            let point = (0..<3).map { _ in Double(Int.random(in: 0..<3, using: &generator)) }
            leaves.append(tree.insert(point))
            if leaves.count > 50 { tree.remove(leaves.removeFirst()) }
            #expect(tree.count == min(index + 1, 50))
        }
        while let leaf = leaves.popLast() { tree.remove(leaf) }
        #expect(tree.count == 0)
        #expect(tree.displacement(tree.insert([1, 2, 3])) == 0)
    }
}
