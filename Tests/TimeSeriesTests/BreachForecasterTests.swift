import Foundation
import Glibc
import Testing

@testable import TimeSeries

struct BreachForecasterTests {
    private let start = monday + 8 * day

    private func ramp(
        count: Int, stepSeconds: Double, level: Double, perHour: Double, noise: Double, seed: UInt64
    ) -> [Sample] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { index in
            let seconds = Double(index) * stepSeconds
            return Sample(
                timestamp: start + Int64(seconds * 1_000),
                value: level + perHour * seconds / 3_600 + noise * generator.normal())
        }
    }

    @Test(arguments: [(60, 2.0), (25, 5.0), (60, 60.0), (60, 300.0)])
    func cleanLeakIsTimed(count: Int, step: Double) throws {
        let recent = ramp(count: count, stepSeconds: step, level: 500, perHour: 60, noise: 0.01, seed: 1)
        let last = 500 + 60 * Double(count - 1) * step / 3_600
        let forecast = try #require(BreachForecaster.forecast(recent: recent, limit: last + 120))
        #expect(forecast.significant)
        #expect(abs(try #require(forecast.p50) - 7_200) < 360)
        #expect(abs(forecast.slopePerHour - 60) < 3)
        #expect(forecast.probability > 0.95)
        #expect(!forecast.alreadyBreached)
    }

    @Test func fallingToALowerLimitIsTheMirror() throws {
        let recent = ramp(count: 60, stepSeconds: 60, level: 100, perHour: 10, noise: 0.3, seed: 2)
        let mirrored = recent.map { Sample(timestamp: $0.timestamp, value: -$0.value) }
        let up = try #require(BreachForecaster.forecast(recent: recent, limit: 130))
        let down = try #require(BreachForecaster.forecast(recent: mirrored, limit: -130, limitIsUpper: false))
        #expect(up.p50 != nil)
        #expect(up.p50 == down.p50)
        #expect(up.probability == down.probability)
        #expect(down.slopePerHour < 0)
    }

    @Test func noiseWithoutTrendClaimsNothing() throws {
        var claims = 0
        for seed in 1...60 as ClosedRange<UInt64> {
            let recent = ramp(count: 60, stepSeconds: 60, level: 100, perHour: 0, noise: 2, seed: seed)
            let forecast = try #require(BreachForecaster.forecast(recent: recent, limit: 112))
            if forecast.p50 != nil { claims += 1 }
        }
        #expect(claims <= 2)
    }

    @Test func insignificantSlopeHasNoProbability() throws {
        let recent = ramp(count: 30, stepSeconds: 60, level: 100, perHour: 0, noise: 2, seed: 5)
        let forecast = try #require(BreachForecaster.forecast(recent: recent, limit: 108))
        if !forecast.significant { #expect(forecast.probability == 0 && forecast.p10 == nil) }
    }

    @Test func beyondTheHorizonIsNil() throws {
        let recent = ramp(count: 60, stepSeconds: 60, level: 100, perHour: 1, noise: 0.05, seed: 6)
        let forecast = try #require(BreachForecaster.forecast(recent: recent, limit: 200))
        #expect(forecast.significant)
        #expect(forecast.p50 == nil)
        #expect(forecast.probability < 0.01)
    }

    @Test func alreadyBreachedIsNow() throws {
        let recent = ramp(count: 60, stepSeconds: 60, level: 100, perHour: 0, noise: 1, seed: 7)
        let forecast = try #require(BreachForecaster.forecast(recent: recent, limit: 90))
        #expect(forecast.alreadyBreached)
        #expect(forecast.p10 == 0 && forecast.p50 == 0 && forecast.p90 == 0)
        #expect(forecast.probability == 1)
    }

    /// The morning rise would pass the limit if it went on; the baseline knows that it does not.
    @Test func knownDailyPeakIsNoBreach() throws {
        var generator = SplitMix64(seed: 8)
        let baseline = try Baseline.learn(
            from: samples(days: 7, stepSeconds: 300) { daily($0) + 0.5 * generator.normal() })
        let rise = samples(from: start + 12 * 3_600_000, days: 2.0 / 24, stepSeconds: 60) {
            daily($0) + 0.5 * generator.normal()
        }
        let blind = try #require(BreachForecaster.forecast(recent: rise, limit: 140))
        let knowing = try #require(BreachForecaster.forecast(recent: rise, limit: 140, baseline: baseline))
        #expect(blind.p50 != nil)
        #expect(knowing.p50 == nil)
        #expect(knowing.probability < 0.5)
    }

    @Test func leakUnderASeasonIsSeen() throws {
        var generator = SplitMix64(seed: 9)
        let baseline = try Baseline.learn(
            from: samples(days: 7, stepSeconds: 300) { daily($0) + 0.5 * generator.normal() })
        let from = start + 18 * 3_600_000
        let leak = samples(from: from, days: 2.0 / 24, stepSeconds: 60) { time in
            daily(time) + 20 * Double(time - from) / 3_600_000 + 0.5 * generator.normal()
        }
        let forecast = try #require(BreachForecaster.forecast(recent: leak, limit: 200, baseline: baseline))
        #expect(forecast.significant)
        #expect(forecast.p50 != nil)
    }

    @Test func quantilesAreOrdered() throws {
        var generator = SplitMix64(seed: 10)
        for seed in 1...60 as ClosedRange<UInt64> {
            let noise = Double.random(in: 0...5, using: &generator)
            let recent = ramp(
                count: Int.random(in: 12...80, using: &generator), stepSeconds: 60, level: 100,
                perHour: Double.random(in: -20...60, using: &generator), noise: noise, seed: seed)
            let forecast = try #require(BreachForecaster.forecast(recent: recent, limit: 160))
            let (p10, p50, p90) = (
                forecast.p10 ?? .infinity, forecast.p50 ?? .infinity, forecast.p90 ?? .infinity
            )
            #expect(p10 <= p50 && p50 <= p90)
            #expect((0...1).contains(forecast.probability))
            #expect(forecast.path.count == 24)
            #expect(forecast.path.allSatisfy { $0.p10 <= $0.p50 && $0.p50 <= $0.p90 })
        }
    }

    @Test func intervalCoversRampsAboutAsOftenAsItSays() throws {
        var covered = 0
        var total = 0
        for seed in 1...100 as ClosedRange<UInt64> {
            let series = ramp(count: 120, stepSeconds: 60, level: 100, perHour: 20, noise: 2, seed: seed)
            let truth = 3_600.0 * 2
            let limit = 100 + 20.0 * (59 * 60 + truth) / 3_600
            let forecast = try #require(
                BreachForecaster.forecast(recent: Array(series.prefix(60)), limit: limit))
            guard let p10 = forecast.p10 else { continue }
            total += 1
            if p10 <= truth, truth <= forecast.p90 ?? .infinity { covered += 1 }
        }
        #expect(total > 90)
        #expect(Double(covered) / Double(total) > 0.7)
    }

    @Test func badInputsAreDefined() {
        let good = ramp(count: 40, stepSeconds: 60, level: 100, perHour: 20, noise: 1, seed: 11)
        let bad = badValues.enumerated().map { Sample(timestamp: start + Int64($0) * 61_000 + 7, value: $1) }
        #expect(BreachForecaster.forecast(recent: [], limit: 1) == nil)
        #expect(BreachForecaster.forecast(recent: Array(good.prefix(5)), limit: 1) == nil)
        #expect(BreachForecaster.forecast(recent: good, limit: .nan) == nil)
        #expect(BreachForecaster.forecast(recent: good, limit: .infinity) == nil)
        #expect(BreachForecaster.forecast(recent: good.map { Sample(timestamp: 5, value: $0.value) }, limit: 1) == nil)
        let series: [[Sample]] = [
            good + bad, good.reversed(), good + good,
            good.map { Sample(timestamp: $0.timestamp, value: 7) },
            good.map { Sample(timestamp: $0.timestamp, value: .leastNonzeroMagnitude) },
            good.map { Sample(timestamp: $0.timestamp, value: $0.value * 1e147) },
            good + [Sample(timestamp: .max, value: 1), Sample(timestamp: .min, value: 2)],
        ]
        for recent in series {
            for limit in [0, 1, 1e149, -1e149, .leastNonzeroMagnitude] {
                for isUpper in [true, false] {
                    guard
                        let forecast = BreachForecaster.forecast(recent: recent, limit: limit, limitIsUpper: isUpper)
                    else { continue }
                    #expect(
                        [forecast.probability, forecast.slopePerHour, forecast.p10 ?? 0, forecast.p90 ?? 0]
                            .allSatisfy { $0.isFinite })
                    #expect(forecast.path.allSatisfy { $0.p10.isFinite && $0.p50.isFinite && $0.p90.isFinite })
                }
            }
        }
    }

    @Test func theSameInputGivesTheSameAnswerInAnyOrder() throws {
        var generator = SplitMix64(seed: 12)
        let recent = ramp(count: 60, stepSeconds: 60, level: 100, perHour: 20, noise: 1, seed: 12)
        let forecast = BreachForecaster.forecast(recent: recent, limit: 150)
        #expect(BreachForecaster.forecast(recent: recent.shuffled(using: &generator), limit: 150) == forecast)
        let stored = try JSONEncoder().encode(forecast)
        #expect(try JSONDecoder().decode(BreachForecast?.self, from: stored) == forecast)
    }
}
