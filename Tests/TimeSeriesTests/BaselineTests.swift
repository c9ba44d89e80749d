import Foundation
import Glibc
import Testing

@testable import TimeSeries

struct BaselineTests {
    @Test func noiseWithoutSeasonGivesItsLevelAndScale() throws {
        let baseline = try flatBaseline()
        let band = baseline.band(at: monday + 8 * day)
        #expect(baseline.season == .none)
        #expect(abs(band.expected - 100) < 0.3)
        #expect(abs(band.scale - 2) < 0.2)
        #expect(abs(band.upper - 106) < 0.8)
        #expect(baseline.confidence == 1)
        #expect(baseline.points == 2_016)
    }

    @Test func dailySeasonIsFoundAndFollowed() throws {
        var generator = SplitMix64(seed: 2)
        let history = samples(days: 7, stepSeconds: 60) { daily($0) + generator.normal() }
        let baseline = try Baseline.learn(from: history)
        #expect(baseline.season == .daily, "\(baseline.seasonReason)")
        #expect(baseline.seasonReason.contains("daily"))
        #expect(baseline.seasonStrength > 0.8)
        for hour in 0..<24 {
            let time = monday + 9 * day + Int64(hour) * 3_600_000 + 1_234
            #expect(abs(baseline.band(at: time).expected - daily(time)) < 0.8)
        }
    }

    /// The same history at another step gives the same band, and it is asked at any instant.
    @Test(arguments: [60.0, 300, 3_600]) func bandDoesNotDependOnTheStep(step: Double) throws {
        let baseline = try Baseline.learn(from: samples(days: 7, stepSeconds: step) { daily($0) })
        #expect(baseline.season == .daily)
        var worst = 0.0
        for time in stride(from: monday + 8 * day, to: monday + 9 * day, by: 2_000 * 97) {
            worst = max(worst, abs(baseline.band(at: time).expected - daily(time)))
        }
        #expect(worst < (step > 1_000 ? 3 : 1))
    }

    @Test func weekendsAreFoundInAWeek() throws {
        var generator = SplitMix64(seed: 3)
        let weekly = { (time: Int64) -> Double in
            let weekday = SeasonalProfile.weekday(SeasonalProfile.dayNumber(time))
            return weekday < 5 ? daily(time) : 40
        }
        let baseline = try Baseline.learn(
            from: samples(days: 14, stepSeconds: 300) { weekly($0) + generator.normal() })
        #expect(baseline.season == .weekly, "\(baseline.seasonReason)")
        let sunday = monday + 20 * day + day / 2
        #expect(abs(baseline.band(at: sunday).expected - 40) < 2)
    }

    @Test func randomWalkHasNoSeason() throws {
        for seed in 1...5 as ClosedRange<UInt64> {
            var generator = SplitMix64(seed: seed)
            var level = 0.0
            let baseline = try Baseline.learn(
                from: samples(days: 4, stepSeconds: 300) { _ in
                    level += generator.normal()
                    return level
                })
            #expect(baseline.season == .none, "seed \(seed): \(baseline.seasonReason)")
        }
    }

    @Test func localMidnightShiftsTheProfileNotTheBand() throws {
        let history = samples(days: 7, stepSeconds: 300, daily)
        let utc = try Baseline.learn(from: history)
        let local = try Baseline.learn(from: history, configuration: .init(utcOffsetSeconds: 19_800))
        let time = monday + 8 * day + 45_000_000
        #expect(abs(utc.band(at: time).expected - local.band(at: time).expected) < 1)
    }

    @Test func oneBadDayDoesNotMoveTheProfile() throws {
        var generator = SplitMix64(seed: 4)
        let history = samples(days: 7, stepSeconds: 300) { time in
            let fault = time >= monday + 3 * day && time < monday + 4 * day
            return daily(time) + generator.normal() + (fault ? 300 : 0)
        }
        let baseline = try Baseline.learn(from: history)
        let time = monday + 8 * day + day / 4
        #expect(abs(baseline.band(at: time).expected - daily(time)) < 2)
    }

    @Test func heavyTailWidensTheBandOnItsSideOnly() throws {
        var generator = SplitMix64(seed: 5)
        let history = samples(days: 7, stepSeconds: 300) { _ in
            let noise = generator.normal()
            return 100 + (noise > 1.5 ? 6 * noise : noise)
        }
        let band = try Baseline.learn(from: history).band(at: monday)
        #expect(band.upper - band.expected > 2 * (band.expected - band.lower))
    }

    @Test func confidenceGrowsWithCoveredDays() throws {
        let three = try Baseline.learn(from: samples(days: 3, stepSeconds: 60) { _ in 1 })
        let five = try Baseline.learn(from: samples(days: 5, stepSeconds: 60) { _ in 1 })
        #expect(three.confidence < five.confidence)
        #expect(five.confidence < 1)
        #expect(abs(three.confidence - 3.0 / 7) < 0.01)
    }

    @Test func tooLittleHistoryIsRefusedWithNumbers() throws {
        let error = #expect(throws: BaselineError.self) {
            try Baseline.learn(from: samples(days: 1, stepSeconds: 60) { _ in 1 })
        }
        #expect(error == .insufficientData(haveDays: 1, needDays: 3, points: 1_440))
        #expect("\(try #require(error))".contains("1440 points over 1.0 days"))
    }

    @Test func gapsDoNotCountAsHistory() {
        // Four days between first and last, but data of one.
        let history = samples(days: 0.5, stepSeconds: 60) { _ in 1 }
        let later = samples(from: monday + 3 * day + day / 2, days: 0.5, stepSeconds: 60) { _ in 1 }
        #expect(throws: BaselineError.self) { try Baseline.learn(from: history + later) }
    }

    @Test func orderAndRepetitionsDoNotMatter() throws {
        var generator = SplitMix64(seed: 6)
        let history = samples(days: 4, stepSeconds: 600) { daily($0) + generator.normal() }
        let plain = try Baseline.learn(from: history)
        #expect(try Baseline.learn(from: history.shuffled(using: &generator)) == plain)
        #expect(try Baseline.learn(from: history + history) == plain)
        let overwritten = history.map { Sample(timestamp: $0.timestamp, value: 0) } + history
        #expect(try Baseline.learn(from: overwritten) == plain)
    }

    @Test func badHistoriesAreRefusedOrSound() throws {
        let bad = badValues.enumerated().map { Sample(timestamp: monday + Int64($0) * 1_000, value: $1) }
        let extremes = [Int64.min, Int64.max, 0, 1, -1].map { Sample(timestamp: $0, value: 1) }
        let histories: [[Sample]] = [
            [], [Sample(timestamp: 0, value: 1)], bad, extremes,
            samples(days: 4, stepSeconds: 600) { _ in .nan },
            samples(days: 4, stepSeconds: 600) { _ in 7 },
            samples(days: 4, stepSeconds: 600) { _ in 0 },
            samples(days: 4, stepSeconds: 600) { _ in .leastNonzeroMagnitude },
            samples(days: 4, stepSeconds: 600) { $0 % 2_400_000 == 0 ? 9e149 : -9e149 },
            samples(from: -2 * day, days: 4, stepSeconds: 600) { _ in 7 },
            samples(from: .min, days: 4, stepSeconds: 600) { _ in 7 },
            samples(days: 4, stepSeconds: 600) { _ in 7 } + bad + extremes,
        ]
        for (index, history) in histories.enumerated() {
            guard let baseline = try? Baseline.learn(from: history) else { continue }
            for time in [Int64.min, -1, 0, monday, monday + 1, .max] {
                let band = baseline.band(at: time)
                #expect(
                    [band.expected, band.lower, band.upper, band.scale].allSatisfy { $0.isFinite }, "history \(index)")
                #expect(band.scale > 0, "history \(index)")
            }
        }
    }

    @Test func updateFollowsSlowlyWithinOneScaleAndIgnoresOutliers() throws {
        var baseline = try flatBaseline()
        let before = baseline.band(at: monday).expected
        var time = monday + 8 * day
        for _ in 0..<100 {
            time += 60_000
            baseline.update(Sample(timestamp: time, value: 1_000))
        }
        #expect(baseline.band(at: monday).expected == before)
        for _ in 0..<20_000 {
            time += 60_000
            baseline.update(Sample(timestamp: time, value: 105))
        }
        let shift = baseline.band(at: monday).expected - before
        #expect(shift > 1.5)
        #expect(shift <= 2.3)
    }

    @Test func updateDependsOnTimeNotOnTheNumberOfSamples() throws {
        var often = try flatBaseline()
        var seldom = often
        for second in stride(from: 0, through: 36_000, by: 2) {
            let sample = Sample(timestamp: monday + 8 * day + Int64(second) * 1_000, value: 103)
            often.update(sample)
            if second % 60 == 0 { seldom.update(sample) }
        }
        #expect(abs(often.band(at: monday).expected - seldom.band(at: monday).expected) < 0.01)
    }

    @Test func storedAndReadBackIsTheSame() throws {
        let baseline = try Baseline.learn(from: samples(days: 7, stepSeconds: 600, daily))
        let stored = try JSONEncoder().encode(baseline)
        #expect(try JSONDecoder().decode(Baseline.self, from: stored) == baseline)
        #expect(stored.count < 8_192)
    }

    @Test func threeDaysWorkAndThirtyAreBetter() throws {
        // Weekends are quieter; the week after tells how well the baseline knows it.
        func shape(_ time: Int64) -> Double {
            let weekday = ((time - monday) / day % 7 + 7) % 7
            return daily(time) * (weekday >= 5 ? 0.6 : 1)
        }
        let begin = monday + 30 * day
        var errors: [Double] = []
        for days in [3.0, 7, 30] {
            var generator = SplitMix64(seed: 8)
            let history = samples(from: begin - Int64(days) * day, days: days, stepSeconds: 300) {
                shape($0) + 3 * generator.normal()
            }
            let baseline = try Baseline.learn(from: history)
            let ahead = samples(from: begin, days: 7, stepSeconds: 300, shape)
            errors.append(
                ahead.reduce(0) { $0 + abs(baseline.band(at: $1.timestamp).expected - $1.value) } / Double(ahead.count))
        }
        #expect(errors[2] < errors[1] && errors[1] <= errors[0] && errors[2] < 2)
    }

    @Test func aSteadyTrendIsNoSeasonAndTheLevelIsThatOfTheEnd() throws {
        var generator = SplitMix64(seed: 9)
        let rising = samples(days: 7, stepSeconds: 300) {
            100 + 10 * Double($0 - monday) / Double(day) + generator.normal()
        }
        let baseline = try Baseline.learn(from: rising)
        #expect(baseline.season == .none)
        let band = baseline.band(at: monday + 7 * day)
        #expect(abs(band.expected - 170) < 6 && band.scale < 5)
        // A weekend at the end of a week is no trend.
        let weekly = samples(days: 14, stepSeconds: 300) {
            ((($0 - monday) / day) % 7 >= 5 ? 60 : 100) + generator.normal()
        }
        #expect(try Baseline.learn(from: weekly).season == .weekly)
    }
}
