import Foundation
import Testing

@testable import TimeSeries

struct EnsembleDetectorTests {
    /// Runs values at a step through a detector.
    private func run(
        _ detector: inout EnsembleDetector, from: Int64 = monday + 8 * day, step: Int64 = 60_000, _ values: [Double]
    ) -> [Detection] {
        values.enumerated().map { detector.update(Sample(timestamp: from + Int64($0) * step, value: $1)) }
    }

    private func noise(_ count: Int, seed: UInt64, scale: Double = 2, level: Double = 100) -> [Double] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { _ in level + scale * generator.normal() }
    }

    @Test func membersAreTheStandardOnesByName() throws {
        var detector = EnsembleDetector(baseline: try flatBaseline())
        let detection = detector.update(Sample(timestamp: monday + 8 * day, value: 100))
        #expect(detection.members.map(\.name) == ["3-sigma", "mad", "iqr", "ensemble"])
    }

    @Test func chosenAlgorithmsWatchAndShapesNeedNoDeparture() throws {
        var detector = EnsembleDetector(
            baseline: try flatBaseline(),
            configuration: .init(minimumDeviation: 1_000, algorithms: [.flatLine, .ewma, .flatLine]))
        var values = noise(200, seed: 3)
        values += Array(repeating: values[199], count: 20)
        values.append(500)
        let detections = run(&detector, values)
        #expect(detections[0].members.map(\.name) == ["flat-line", "ewma"])
        #expect(detections[219].score >= 0.7)
        // Far out for EWMA, but less than the least deviation.
        #expect(detections[220].members[1].score >= 0.7 && detections[220].score < 0.7)
        let stored = try JSONDecoder().decode(EnsembleDetector.self, from: JSONEncoder().encode(detector))
        #expect(stored == detector)
        for algorithm in Algorithm.allCases where !algorithm.isBand {
            let member = try #require(StreamingMember(algorithm))
            #expect(try JSONDecoder().decode(StreamingMember.self, from: JSONEncoder().encode(member)) == member)
        }
    }

    @Test func ensembleThatHistoryWarmedSeesWhatTheBandLetsPass() throws {
        var generator = SplitMix64(seed: 21)
        // Low at night: a night value at noon is well within the range, and the baseline is wide.
        let history = samples(days: 7, stepSeconds: 300) { daily($0) + 2 * generator.normal() }
        var ensemble = StreamingEnsemble()
        for sample in history { _ = ensemble.update(sample) }
        let baseline = try Baseline.learn(from: history)
        var cold = EnsembleDetector(baseline: baseline)
        var warm = EnsembleDetector(baseline: baseline, ensemble: ensemble)
        let strange = Sample(timestamp: monday + 7 * day, value: 400)
        #expect(cold.update(strange).members.last?.score == 0)
        #expect((warm.update(strange).members.last?.score ?? 0) >= 0.7)
    }

    @Test func flappingSeriesIsOneAnomaly() throws {
        var detector = EnsembleDetector(
            baseline: try flatBaseline(), configuration: .init(clearAfter: 2, coolDownMilliseconds: 1_200_000))
        var opened = 0
        var closed = 0
        for index in 0..<100 {
            // Ten minutes up and ten minutes down, for an hour.
            let value = index < 60 && (index / 10) % 2 == 0 ? 300.0 : 100
            let time = monday + 8 * day + Int64(index) * 60_000
            switch detector.update(Sample(timestamp: time, value: value)).transition {
            case .opened: opened += 1
            case .closed: closed += 1
            default: break
            }
        }
        #expect(opened == 1 && closed == 1)
    }

    @Test func normalNoiseRaisesNoAlarm() throws {
        var opened = 0
        var high = 0
        for seed in 1...10 as ClosedRange<UInt64> {
            var detector = EnsembleDetector(
                baseline: try flatBaseline(seed: seed), configuration: .init(minimumRelativeDeviation: 0))
            for detection in run(&detector, step: 2_000, noise(5_000, seed: seed + 100)) {
                if detection.score >= 0.7 { high += 1 }
                if case .opened = detection.transition { opened += 1 }
            }
        }
        #expect(opened == 0)
        #expect(high <= 10)
    }

    @Test func dailySeasonRaisesNoAlarm() throws {
        var generator = SplitMix64(seed: 9)
        let baseline = try Baseline.learn(
            from: samples(days: 7, stepSeconds: 300) { daily($0) + 2 * generator.normal() })
        var detector = EnsembleDetector(baseline: baseline)
        let live = samples(from: monday + 8 * day, days: 2, stepSeconds: 30) { daily($0) + 2 * generator.normal() }
        let alarms = live.filter { detector.update($0).score >= 0.7 }
        #expect(alarms.count <= 2)
    }

    @Test func oneSpikeScoresHighAndOpensNothing() throws {
        var detector = EnsembleDetector(baseline: try flatBaseline())
        var values = noise(60, seed: 11)
        values[40] = 140
        let detections = run(&detector, values)
        #expect(detections[40].score > 0.99)
        #expect(abs(detections[40].relativeDeviation - 0.4) < 0.02)
        #expect(detections.allSatisfy { $0.transition == .none })
    }

    @Test func levelShiftOpensAfterThreeAndClosesAfterFive() throws {
        var detector = EnsembleDetector(baseline: try flatBaseline())
        let values = noise(10, seed: 12) + noise(20, seed: 13, level: 130) + noise(10, seed: 14)
        let detections = run(&detector, values)
        let start = monday + 8 * day
        #expect(detections[11].transition == .none)
        #expect(detections[12].transition == .opened(since: start + 600_000))
        #expect(detections[13].transition == .ongoing(since: start + 600_000))
        #expect(
            detections[34].transition == .closed(since: start + 600_000, until: start + 29 * 60_000))
        #expect(detections[35].transition == .none)
        #expect(detector.openSince == nil)
    }

    @Test func leakOpensBeforeItIsTenScalesAway() throws {
        var detector = EnsembleDetector(baseline: try flatBaseline())
        var generator = SplitMix64(seed: 15)
        let values = (0..<600).map { 100 + Double($0) * 0.1 + 2 * generator.normal() }
        let detections = run(&detector, step: 2_000, values)
        let opened = detections.firstIndex { if case .opened = $0.transition { true } else { false } }
        #expect(try #require(opened) < 200)
        #expect(detections.last?.transition == .ongoing(since: detector.openSince ?? 0))
    }

    @Test func onlyTheBadSideCounts() throws {
        var above = EnsembleDetector(baseline: try flatBaseline(), configuration: .init(direction: .above))
        var below = EnsembleDetector(baseline: try flatBaseline(), configuration: .init(direction: .below))
        #expect(run(&above, [50]).last?.score == 0)
        #expect(try #require(run(&below, [50]).last).score > 0.9)
        #expect(try #require(run(&above, from: monday + 9 * day, [150]).last).score > 0.9)
    }

    @Test func smallDeparturesDoNotCount() throws {
        let tight = try Baseline.learn(from: samples(days: 4, stepSeconds: 300) { _ in 100 })
        var relative = EnsembleDetector(baseline: tight, configuration: .init(minimumRelativeDeviation: 0.2))
        var absolute = EnsembleDetector(baseline: tight, configuration: .init(minimumDeviation: 15))
        #expect(run(&relative, [110]).last?.score == 0)
        #expect(run(&absolute, [110]).last?.score == 0)
        #expect(try #require(run(&relative, from: monday + 9 * day, [125]).last).score > 0.9)
        #expect(try #require(run(&absolute, from: monday + 9 * day, [125]).last).score > 0.9)
    }

    @Test func flickerBetweenTheLevelsKeepsTheAnomalyOpen() throws {
        var detector = EnsembleDetector(baseline: try flatBaseline())
        let flicker = (0..<40).map { $0 % 4 == 0 ? 130.0 : 100 }
        let detections = run(&detector, [130, 130, 130] + flicker)
        #expect(detections.dropFirst(3).allSatisfy { if case .ongoing = $0.transition { true } else { false } })
    }

    @Test func relearningKeepsTheAnomalyOpen() throws {
        var detector = EnsembleDetector(baseline: try flatBaseline())
        _ = run(&detector, [130, 130, 130, 130])
        let since = detector.openSince
        #expect(since != nil)
        detector.baseline = try flatBaseline(seed: 77)
        _ = run(&detector, from: monday + 9 * day, [130])
        #expect(detector.openSince == since)
    }

    @Test func samplesThatAreNotNewerChangeNothing() throws {
        var detector = EnsembleDetector(baseline: try flatBaseline())
        _ = run(&detector, noise(50, seed: 16))
        let before = detector
        let again = run(&detector, [500, 500, 500, 500])
        #expect(detector == before)
        #expect(again.allSatisfy { $0.score == 0 && $0.transition == .none })
    }

    @Test func badValuesAreDefined() throws {
        var generator = SplitMix64(seed: 17)
        for baseline in [
            try flatBaseline(), try Baseline.learn(from: samples(days: 4, stepSeconds: 300) { _ in 0 }),
            try Baseline.learn(from: samples(days: 4, stepSeconds: 300) { _ in 1e149 }),
        ] {
            var detector = EnsembleDetector(baseline: baseline)
            for index in 0..<300 {
                let value = index % 3 == 0 ? badValues.randomElement(using: &generator) ?? 0 : 100
                let detection = detector.update(Sample(timestamp: monday + 8 * day + Int64(index), value: value))
                #expect(isSound(detection), "\(value) \(detection)")
                if !(abs(value) < 1e150) { #expect(detection.score == 0) }
            }
            for time in [Int64.min, 0, .max] {
                #expect(isSound(detector.update(Sample(timestamp: time, value: 1))))
            }
        }
    }

    @Test func scoreGrowsWithTheDeviation() throws {
        let band = Band(expected: 10, lower: 7, upper: 13, scale: 1)
        for side in [-1.0, 1] {
            var last = [-1.0, -1, -1]
            for step in 0...100 {
                let value = 10 + side * Double(step) / 10
                var (sigma, mad, iqr) = (ThreeSigmaDetector(), MADDetector(), IQRDetector())
                let scores = [
                    sigma.update(timestamp: 0, value: value, band: band),
                    mad.update(timestamp: 0, value: value, band: band),
                    iqr.update(timestamp: 0, value: value, band: band),
                ]
                for (score, before) in zip(scores, last) { #expect(score >= before) }
                if step == 45 { for score in scores { #expect(abs(score - 0.7) < 0.01) } }
                last = scores
            }
        }
    }

    @Test func noisierSeriesAlarmsLess() throws {
        let baseline = try flatBaseline()
        var quiet = EnsembleDetector(baseline: baseline)
        var noisy = EnsembleDetector(baseline: baseline)
        _ = run(&quiet, noise(200, seed: 18))
        _ = run(&noisy, noise(200, seed: 18, scale: 5))
        let next = Sample(timestamp: monday + 9 * day, value: 112)
        #expect(noisy.update(next).score < quiet.update(next).score)
    }

    @Test func resumedFromASnapshotGoesOnTheSame() throws {
        var detector = EnsembleDetector(baseline: try flatBaseline())
        let values = noise(150, seed: 19) + noise(50, seed: 20, level: 125) + noise(100, seed: 21)
        _ = run(&detector, Array(values.prefix(170)))
        let stored = try JSONEncoder().encode(detector)
        var resumed = try JSONDecoder().decode(EnsembleDetector.self, from: stored)
        #expect(resumed == detector)
        let rest = Array(values.dropFirst(170))
        let from = monday + 8 * day + 170 * 60_000
        #expect(run(&detector, from: from, rest) == run(&resumed, from: from, rest))
        #expect(resumed == detector)
        #expect(stored.count < 12_288)
    }
}
