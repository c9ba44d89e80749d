import Glibc
import Testing

@testable import TimeSeries

/// Breaches forecast from a history longer than half the horizon.
struct ForecastPoolTests {
    private let start = monday

    private func week(seed: UInt64, noise: Double = 0.5, _ value: (Double) -> Double) -> [Sample] {
        var generator = SplitMix64(seed: seed)
        return samples(from: start, days: 7, stepSeconds: 300) { time in
            value(Double(time - monday) / 3_600_000) + noise * generator.normal()
        }
    }

    private func forecast(
        _ history: [Sample], limit: Double, configuration: BreachForecastConfiguration = .init()
    ) throws -> BreachForecast {
        try #require(
            BreachForecaster.forecast(
                recent: history, limit: limit, baseline: try? Baseline.learn(from: history),
                configuration: configuration))
    }

    @Test func leakThatBeganYesterdayIsTimed() throws {
        // 100, then 2 an hour for the last 24 hours: 148 at the end.
        let history = week(seed: 1) { 100 + 2 * max(0, $0 - 144) }
        let forecast = try forecast(history, limit: 154)
        #expect(forecast.significant)
        #expect(abs(try #require(forecast.p50) - 3 * 3_600) < 1_800)
        #expect(forecast.probability > 0.9)
    }

    @Test func leakOnADailyWaveIsTimed() throws {
        let wave = { (hours: Double) in 100 + 20 * sin(2 * .pi * hours / 24) }
        let history = week(seed: 2) { wave($0) + 2 * max(0, $0 - 150) }
        let after = (1...72).first { step in
            let hours = 168 + Double(step) / 12
            return wave(hours) + 2 * (hours - 150) >= 160
        }
        let forecast = try forecast(history, limit: 160)
        #expect(abs(try #require(forecast.p50) - Double(try #require(after)) * 300) < 3_600)
    }

    @Test func waveBelowTheLimitIsNoBreach() throws {
        for seed in 1...8 as ClosedRange<UInt64> {
            // Each history ends at another phase of the wave.
            let history = week(seed: seed, noise: 1) { 100 + 20 * sin(2 * .pi * ($0 + 3 * Double(seed)) / 24) }
            let forecast = try forecast(history, limit: 127)
            #expect(forecast.p50 == nil)
            #expect(forecast.probability < 0.5)
        }
    }

    @Test func recurringPeakBeyondTheLimitIsClaimedUnlessSwitchedOff() throws {
        let history = week(seed: 3) { 100 + 20 * sin(2 * .pi * ($0 + 1) / 24) }
        let claimed = try forecast(history, limit: 115)
        #expect(abs(try #require(claimed.p50) - 2.2 * 3_600) < 2_400)
        let quiet = try forecast(history, limit: 115, configuration: .init(claimsRecurring: false))
        #expect(quiet.significant || quiet.p50 == nil)
    }

    @Test func sawtoothBelowTheLimitIsNoBreach() throws {
        for phase in 0..<5 {
            let history = week(seed: 4) { 50 + 8 * ($0 + Double(phase)).truncatingRemainder(dividingBy: 5) }
            let forecast = try forecast(history, limit: 100)
            #expect(forecast.p50 == nil, "phase \(phase)")
        }
    }

    @Test func noiseAndSpikesAreNoBreach() throws {
        for seed in 1...8 as ClosedRange<UInt64> {
            let flat = try forecast(week(seed: seed, noise: 2) { _ in 100 }, limit: 112)
            #expect(flat.p50 == nil)
            var spiked = week(seed: seed) { _ in 100 }
            spiked[2_010].value = 130
            #expect(try forecast(spiked, limit: 115).p50 == nil)
        }
    }

    @Test func burstsAreSeenInTheErrorsOfThePast() throws {
        // Bursts of half an hour every five hours: no season of a day, no trend.
        let history = week(seed: 5, noise: 0.1) { $0.truncatingRemainder(dividingBy: 5) < 0.5 ? 50 : 1 }
        let series = try #require(UniformSeries(history))
        let pool = ForecastPool(series, horizon: 6 * 3_600, allowsTrends: false, season: nil)
        let bursts = ErrorPaths(pool, horizon: 6 * 3_600).passages(40)
        #expect(bursts.reduce(0) { $0 + $1.weight } > 0.8)
        let isWithin = bursts.allSatisfy { (0...6 * 3_600).contains($0.seconds) }
        #expect(isWithin)
        #expect(ErrorPaths(pool, horizon: 6 * 3_600).passages(150).isEmpty)
    }

    @Test func anyDistanceAndAnyHistoryIsDefined() throws {
        let baseline = try Baseline.learn(from: week(seed: 6) { 100 + 20 * sin(2 * .pi * $0 / 24) })
        var generator = SplitMix64(seed: 7)
        for exponent in 0..<18 {
            let step = Int64(pow(10, Double(exponent)))
            let from: Int64 = exponent > 14 ? .min : 0
            let steady = (0..<60).map { Sample(timestamp: from &+ Int64($0) * step, value: Double($0)) }
            let wild = steady.map { sample in
                Sample(
                    timestamp: sample.timestamp,
                    value: (badValues + [9e149, -9e149, 5]).randomElement(using: &generator) ?? 0)
            }
            let torn = steady + [Sample(timestamp: .min, value: 3), Sample(timestamp: .max, value: 4)]
            for history in [steady, wild, torn] {
                for limit in [-9e149, 0, 70, 9e149] {
                    for horizon in [1.0, 21_600, 2_592_000] {
                        let forecast = BreachForecaster.forecast(
                            recent: history, limit: limit, baseline: baseline,
                            configuration: .init(horizonSeconds: horizon))
                        guard let forecast else { continue }
                        #expect((0...1).contains(forecast.probability), "step \(step)")
                        #expect([forecast.p10, forecast.p50, forecast.p90].allSatisfy { ($0 ?? 0) >= 0 })
                        #expect(forecast.path.allSatisfy { $0.p10.isFinite && $0.p10 <= $0.p90 && $0.p90.isFinite })
                        #expect(forecast.slopePerHour.isFinite)
                    }
                }
            }
        }
    }

    @Test func lineOfAWindowIsTheLeastSquaresLine() throws {
        let history = (0..<50).map { Sample(timestamp: Int64($0) * 60_000, value: 3 + 0.5 * Double($0)) }
        let series = try #require(UniformSeries(history))
        let line = series.line(at: 40, length: 20)
        #expect(abs(line.level - 23) < 1e-9)
        #expect(abs(line.slope - 0.5 / 60) < 1e-12)
        #expect(abs(series.mean(at: 40, length: 3) - 22.5) < 1e-9)
        #expect(series.time(51) == 51 * 60_000)
    }

    @Test func gapsAreInterpolatedAndOutliersFiltered() throws {
        var history = (0..<40).map { Sample(timestamp: Int64($0) * 60_000, value: Double($0)) }
        history[20].value = 900
        history.removeSubrange(28..<34)
        let series = try #require(UniformSeries(history))
        #expect(series.count == 40)
        #expect(series.values[20] < 25)
        #expect(abs(series.values[30] - 30) < 1e-9)
    }
}
