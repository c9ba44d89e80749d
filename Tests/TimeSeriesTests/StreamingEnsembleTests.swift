import Foundation
import Glibc
import Testing

@testable import TimeSeries

struct StreamingEnsembleTests {
    private func run(_ detector: inout StreamingEnsemble, _ series: [Sample]) -> [Double] {
        series.map { detector.update($0).score }
    }

    private func wave(days: Double, step: Double, seed: UInt64, noise: Double = 1) -> [Sample] {
        var generator = SplitMix64(seed: seed)
        return samples(days: days, stepSeconds: step) { daily($0) + noise * generator.normal() }
    }

    /// Alarms as a notifier would count them: one an hour.
    private func alarms(_ series: [Sample], _ scores: [Double]) -> [Int64] {
        zip(series, scores).reduce(into: [Int64]()) { alarms, entry in
            guard entry.1 >= 0.7, entry.0.timestamp - (alarms.last ?? .min / 2) >= 3_600_000 else { return }
            alarms.append(entry.0.timestamp)
        }
    }

    @Test(arguments: [60.0, 300, 3_600]) func seasonWithNoiseIsQuietAtEachStep(step: Double) {
        var total = 0
        let days = step > 1_000 ? 40.0 : 10
        for seed in 1...3 as ClosedRange<UInt64> {
            var detector = StreamingEnsemble()
            let series = wave(days: days, step: step, seed: seed)
            total += alarms(series, run(&detector, series)).count
        }
        // A false alarm in five to six days is what the threshold stands for.
        #expect(Double(total) <= 3 * days / 5)
    }

    @Test(arguments: [60.0, 300, 3_600]) func spikeAndDropAreSeenAtEachStep(step: Double) {
        var detector = StreamingEnsemble()
        var series = wave(days: step > 1_000 ? 30 : 9, step: step, seed: 4)
        let (spike, drop) = (series.count - 60 - Int(36_000 / step), series.count - 60)
        series[spike].value += 25
        for index in drop..<(drop + 5) { series[index].value -= 25 }
        let scores = run(&detector, series)
        #expect(scores[spike] >= 0.7)
        #expect(scores[drop..<(drop + 5)].contains { $0 >= 0.7 })
    }

    @Test func missingDailyPeakIsSeen() {
        var detector = StreamingEnsemble()
        var series = wave(days: 10, step: 300, seed: 5)
        let from = series.count - 12 * 12
        for index in from..<series.count { series[index].value = min(series[index].value, 100) }
        #expect(run(&detector, series)[from...].contains { $0 >= 0.7 })
    }

    @Test func surpriseThatRecursEveryDayIsLearned() {
        var detector = StreamingEnsemble()
        var series = wave(days: 14, step: 300, seed: 6)
        // A backup a day, never at the same time.
        var generator = SplitMix64(seed: 7)
        for day in 0..<14 { series[day * 288 + Int.random(in: 0..<280, using: &generator)].value += 40 }
        let raised = alarms(series, run(&detector, series))
        #expect(raised.count { $0 > monday + 5 * day } <= 2)
    }

    @Test func oneEventIsOneAlarmAndFadesBelowTheThreshold() {
        var detector = StreamingEnsemble()
        var series = wave(days: 9, step: 300, seed: 8)
        let from = series.count - 100
        for index in from..<series.count { series[index].value += 30 }
        let scores = run(&detector, series)
        #expect(alarms(series, scores).filter { $0 >= series[from].timestamp } == [series[from].timestamp])
        #expect(scores[from + 40] < 0.7)
        #expect(scores[from + 40] > 0.3)
    }

    @Test func constantSeriesIsQuietUntilItChanges() {
        var detector = StreamingEnsemble()
        let series = samples(days: 3, stepSeconds: 300) { $0 < monday + 2 * day ? 7 : 9 }
        let scores = run(&detector, series)
        #expect(scores.prefix(576).allSatisfy { $0 == 0 })
        #expect(scores[576..<580].contains { $0 >= 0.7 })
    }

    @Test func badInputIsDefined() {
        var detector = StreamingEnsemble()
        var generator = SplitMix64(seed: 9)
        for index in 0..<2_000 {
            let value = index % 5 == 0 ? badValues.randomElement(using: &generator) ?? 0 : daily(Int64(index) * 300_000)
            let score = detector.update(Sample(timestamp: Int64(index) * 300_000, value: value)).score
            #expect((0...1).contains(score))
        }
        for time in [Int64.min, -1, .max, .max, 0] {
            #expect((0...1).contains(detector.update(Sample(timestamp: time, value: 1)).score))
        }
        for extremes in [[Int64.min, .max], [0, 1, 2, 3]] {
            var fresh = StreamingEnsemble()
            for time in extremes {
                for value in badValues + [9e149, -9e149] {
                    #expect((0...1).contains(fresh.update(Sample(timestamp: time, value: value)).score))
                }
            }
        }
        var swinging = StreamingEnsemble()
        for index in 0..<500 {
            let sample = Sample(timestamp: Int64(index) * 60_000, value: index % 2 == 0 ? 9e149 : -9e149)
            #expect((0...1).contains(swinging.update(sample).score))
        }
    }

    @Test func samplesThatAreNotNewerChangeNothing() {
        var detector = StreamingEnsemble()
        let series = wave(days: 2, step: 300, seed: 10)
        _ = run(&detector, series)
        let before = detector
        #expect(run(&detector, series).allSatisfy { $0 == 0 })
        #expect(detector == before)
    }

    @Test func resumedFromASnapshotGoesOnTheSame() throws {
        var detector = StreamingEnsemble()
        let series = wave(days: 9, step: 300, seed: 11)
        _ = run(&detector, Array(series.prefix(2_000)))
        let stored = try JSONEncoder().encode(detector)
        var resumed = try JSONDecoder().decode(StreamingEnsemble.self, from: stored)
        let rest = Array(series.dropFirst(2_000))
        #expect(run(&resumed, rest) == run(&detector, rest))
        #expect(resumed == detector)
        #expect(stored.count < 16_384)
        #expect(detector.stateBytes <= 8_192)
    }

    @Test func tailsOfNormalNoiseComeOutRight() {
        var tail = TailCalibration()
        var generator = SplitMix64(seed: 12)
        for _ in 0..<20_000 { _ = tail.update(abs(generator.normal()), logPerDay: 5.66) }
        #expect(abs(exp(tail.logarithm(1.96)) - 0.05) < 0.015)
        // A Pareto tail is heavier than the normal one that it is fitted to.
        #expect(exp(tail.logarithm(4)) > 6e-5)
        #expect(exp(tail.logarithm(4)) < 2e-3)
        #expect(tail.logarithm(0) == 0)
    }

    @Test func noveltyIsTheDistanceFromWhatWasShown() {
        var shown = RangeNovelty()
        #expect(shown.distance(1) == nil)
        var generator = SplitMix64(seed: 14)
        for _ in 0..<500 {
            shown.insert(Double.random(in: 0...10, using: &generator), isNewHour: true)
            shown.insert(Double.random(in: 30...40, using: &generator), isNewHour: true)
        }
        // A cell is at most a 64th of the range wide.
        let cell = 40.0 / 64
        for (value, distance) in [(5.0, 0.0), (20, 10), (35, 0), (60, 20), (-20, 20), (1e9, 1e9 - 40)] {
            #expect(abs((shown.distance(value) ?? -1) - distance) <= 2 * cell, "\(value)")
        }
    }

    @Test func whatWasShownIsKnownAfterAnHourAndForgottenInTheEnd() {
        var shown = RangeNovelty()
        for _ in 0..<100 { shown.insert(0, isNewHour: true) }
        shown.insert(100, isNewHour: false)
        #expect((shown.distance(100) ?? 0) > 90)
        shown.insert(0, isNewHour: true)
        shown.insert(0, isNewHour: true)
        #expect((shown.distance(100) ?? -1) < 2)
        for _ in 0..<9_000 { shown.insert(0, isNewHour: true) }
        #expect((shown.distance(100) ?? 0) > 90)
    }

    @Test func gridHoldsAllNumbers() {
        var shown = RangeNovelty()
        for value in [0, 1e-300, 1, -1, 9e149, -9e149, .leastNonzeroMagnitude] {
            shown.insert(value, isNewHour: true)
            shown.insert(value, isNewHour: true)
            #expect(shown.distance(value).map { $0 >= 0 && $0.isFinite } ?? true)
        }
    }

    @Test func tableAsksItsNeighbours() {
        var table = SeasonTable(period: 100, buckets: 10, rate: 0.5)
        #expect(table.value(at: 5) == nil)
        table.update(1, at: 5, perBucket: 1)
        table.update(3, at: 15, perBucket: 1)
        #expect(table.value(at: 5) == 1)
        #expect(table.value(at: 10) == 2)
        #expect(table.value(at: -90) == 2)
        table.update(5, at: 15, perBucket: 1)
        #expect(table.value(at: 15) == 4)
    }
}
