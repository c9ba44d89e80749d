import Foundation
import Testing

@testable import TimeSeries

struct SaturationPointTests {
    private func noise(_ seed: UInt64) -> () -> Double {
        var generator = SplitMix64(seed: seed)
        return { generator.normal() }
    }

    @Test func aPoolThatIsExhaustedDailyHasACeiling() throws {
        let noise = noise(1)
        // Demand beyond fifty connections is cut off.
        let series = samples(days: 7, stepSeconds: 300) {
            min(50, 35 + 22 * sin(2 * .pi * Double($0) / 86_400_000) + noise())
        }
        let limit = try #require(SaturationPoint.learn(from: series, unit: "connections"))
        #expect(abs(limit.value - 50) < 0.5 && limit.source == .learned && limit.isUpper)
        #expect(limit.reason.contains("50 connections"))
    }

    @Test func aProcessThatDiesAtItsMemoryLimitHasOne() throws {
        let noise = noise(2)
        let series = samples(days: 7, stepSeconds: 300) { time in
            300 + 700 * Double(time % 100_000_000) / 100_000_000 + 3 * noise()
        }
        let limit = try #require(SaturationPoint.learn(from: series))
        #expect((960...1_010).contains(limit.value))
        #expect(limit.reason.contains("times it fell at once"))
    }

    @Test func seriesThatSaturateNowhereHaveNone() {
        for seed in 1...20 as ClosedRange<UInt64> {
            let noise = noise(seed)
            #expect(SaturationPoint.learn(from: samples(days: 7, stepSeconds: 300) { daily($0) + 2 * noise() }) == nil)
            #expect(SaturationPoint.learn(from: samples(days: 7, stepSeconds: 300) { _ in 100 + noise() }) == nil)
            var walk = 0.0
            let wandering = samples(days: 7, stepSeconds: 300) { _ in
                walk += noise()
                return walk
            }
            #expect(SaturationPoint.learn(from: wandering) == nil)
        }
        #expect(SaturationPoint.learn(from: samples(days: 7, stepSeconds: 300) { _ in 1 }) == nil)
        // Two levels are normal; being at the upper one most of the time is no saturation.
        #expect(
            SaturationPoint.learn(from: samples(days: 7, stepSeconds: 300) { $0 % 86_400_000 < 40_000_000 ? 0 : 1 })
                == nil)
    }

    @Test func anyHistoryHasADefinedAnswer() {
        #expect(SaturationPoint.learn(from: []) == nil)
        var generator = SplitMix64(seed: 3)
        let wild = (0..<2_000).map {
            Sample(timestamp: Int64($0), value: badValues.randomElement(using: &generator) ?? 0)
        }
        if let limit = SaturationPoint.learn(from: wild) { #expect(limit.value.isFinite) }
    }
}

struct SeriesOutlineTests {
    @Test func isTheMeanOfEachFiveMinutesAndForgetsAfterAWeek() {
        let series = samples(days: 9, stepSeconds: 60) { Double($0 / 300_000 % 1_000) }
        let outline = SeriesOutline(series)
        let points = outline.samples
        #expect(points.count >= UniformSeries.maximumPoints && points.count <= UniformSeries.maximumPoints + 1)
        for point in points.dropLast() { #expect(point.value == Double(point.timestamp / 300_000 % 1_000)) }
        #expect(outline.heapBytes <= 8_192)
    }

    @Test func gapsStayGapsAndLongOnesBeginAnew() {
        var outline = SeriesOutline()
        for sample in samples(days: 0.5, stepSeconds: 60, { _ in 1 }) { outline.update(sample) }
        let later = monday + day
        for sample in samples(from: later, days: 0.5, stepSeconds: 60, { _ in 2 }) { outline.update(sample) }
        let points = outline.samples
        #expect(points.contains { $0.value == 1 } && points.contains { $0.value == 2 })
        #expect(!points.contains { $0.timestamp > monday + day / 2 + 300_000 && $0.timestamp < later })
        outline.update(Sample(timestamp: later + 30 * day, value: 3))
        outline.update(Sample(timestamp: later + 30 * day + 200_000, value: 3))
        #expect(outline.samples.map(\.value) == [3])
    }

    @Test func badSamplesChangeNothingAndAStoredOneGoesOn() throws {
        var outline = SeriesOutline(samples(days: 1, stepSeconds: 60) { Double($0 % 977) })
        let before = outline
        for value in badValues where !(abs(value) < 1e38) {
            outline.update(Sample(timestamp: monday + 2 * day, value: value))
        }
        outline.update(Sample(timestamp: monday, value: 5))
        #expect(outline == before)
        var stored = try JSONDecoder().decode(SeriesOutline.self, from: JSONEncoder().encode(outline))
        for sample in samples(from: monday + day, days: 1, stepSeconds: 60, { _ in 4 }) {
            outline.update(sample)
            stored.update(sample)
        }
        #expect(stored.samples == outline.samples)
        for time in [Int64.min, -1, 0, .max] { outline.update(Sample(timestamp: time, value: 1)) }
    }
}

struct DetectorChoiceTests {
    private func learn(_ series: [Sample]) throws -> LearnedSeries { try LearnedSeries.learn(from: series) }

    @Test func aSteadySeriesKeepsTheStandardOnesAndSaysWhy() throws {
        var generator = SplitMix64(seed: 1)
        let choice = try #require(
            try learn(samples(days: 7, stepSeconds: 300) { daily($0) + 2 * generator.normal() }).choice)
        #expect(choice.algorithms == Algorithm.standard)
        #expect(choice.reason.contains("finds 4 of 4 faults with 0 false alarms"))
        #expect(choice.reason.contains("ewma"))
    }

    @Test func algorithmsThatAreNamedStay() throws {
        let series = samples(days: 7, stepSeconds: 300) { daily($0) }
        #expect(try LearnedSeries.learn(from: series, choosesAlgorithms: false).choice == nil)
    }

    @Test func anyHistoryHasAChoice() throws {
        var generator = SplitMix64(seed: 2)
        var walk = 100.0
        let shapes: [(Int64) -> Double] = [
            { _ in 0 }, { _ in 1e149 }, { Double($0 % 2) }, { $0 % 3_600_000 == 0 ? 1 : 0 }, { Double($0 - monday) },
            { _ in
                walk += generator.normal()
                return walk
            },
        ]
        for shape in shapes {
            let learned = try learn(samples(days: 4, stepSeconds: 300, shape))
            #expect(DetectorChoice.candidates.contains(learned.choice?.algorithms ?? []))
            #expect(learned.choice?.reason.isEmpty == false)
        }
        // Three days suffice.
        #expect(try learn(samples(days: 3, stepSeconds: 60) { daily($0) }).baseline.confidence < 0.5)
    }
}
