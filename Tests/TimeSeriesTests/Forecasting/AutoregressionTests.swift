import Foundation
import Testing

@testable import TimeSeries

struct AutoregressionTests {
    private func wave(_ count: Int, seed: UInt64, noise: Double) -> [Double] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { index in
            let day = sin(2 * .pi * Double(index) / 24)
            let weekend = (index / 24) % 7 >= 5 ? -20.0 : 0
            return 100 + 30 * day + weekend + noise * generator.normal()
        }
    }

    @Test func autoregressionFindsItsCoefficients() throws {
        var generator = SplitMix64(seed: 1)
        var values = [0.0, 0.0]
        for index in 2..<2_000 {
            values.append(0.5 * values[index - 1] - 0.3 * values[index - 2] + generator.normal())
        }
        // Outliers hardly count.
        for index in stride(from: 100, to: 2_000, by: 100) { values[index] += 30 }
        let design = RobustAutoregression.Design(lags: [1, 2], penalty: 0, isLogarithmic: false)
        let path = try #require(RobustAutoregression(values, design)).forecast(horizon: 3)
        let count = values.count
        let first = 0.5 * values[count - 1] - 0.3 * values[count - 2]
        #expect(abs(path.p50[0] - first) < 0.25)
        // The spread of one step is that of the innovations.
        #expect(abs((path.p90[0] - path.p10[0]) / 2 / 1.2816 - 1) < 0.1)
        #expect(path.p90[2] - path.p10[2] > path.p90[0] - path.p10[0])
    }

    @Test func weekIsContinued() throws {
        let values = wave(24 * 7 * 5 + 48, seed: 2, noise: 1)
        let history = Array(values.dropLast(48))
        let path = try AutoregressionPool(fitting: history, seasons: [24, 168]).forecast(horizon: 48)
        let error = zip(path.p50, values.suffix(48)).reduce(0) { $0 + abs($1.0 - $1.1) / 48 }
        // A weekend goes before: who repeats the last day is wrong by 20.
        #expect(error < 2.5)
        let inside = zip(zip(path.p10, path.p90), values.suffix(48)).count { $0.0 <= $1 && $1 <= $0.1 }
        #expect((30...47).contains(inside))
    }

    @Test func shortHistoriesDoWithLess() throws {
        for count in [12, 13, 40, 72, 100, 168, 500] {
            let path = try AutoregressionPool(fitting: wave(count, seed: 3, noise: 0.1), seasons: [24, 168])
                .forecast(horizon: 24)
            #expect(path.p50.count == 24)
            #expect(path.p50.allSatisfy { (-50...250).contains($0) }, "\(count)")
        }
        #expect(throws: ForecastError.insufficientData(have: 11, need: 12)) {
            try AutoregressionPool(fitting: Array(repeating: 1.0, count: 11), seasons: [])
        }
    }

    @Test func gapsAreInterpolated() throws {
        var values = wave(24 * 7 * 4, seed: 4, noise: 0)
        for index in stride(from: 5, to: values.count, by: 17) { values[index] = .nan }
        values = [.nan, .infinity] + values + [.nan]
        let path = try AutoregressionPool(fitting: values, seasons: [24, 168]).forecast(horizon: 6)
        #expect(path.p50.allSatisfy { $0.isFinite })
        #expect(FilledHistory.filled([.nan, 1, .nan, .infinity, 4, .nan]) == [1, 2, 3, 4])
        #expect(FilledHistory.filled([.nan]).isEmpty)
    }

    @Test(arguments: [0.0, 7, 1e149, -1e149, .leastNonzeroMagnitude]) func constantsStayConstant(value: Double) throws {
        let pool = try AutoregressionPool(fitting: Array(repeating: value, count: 600), seasons: [24, 168])
        let path = pool.forecast(horizon: 10)
        let size = max(abs(value), 1e-6)
        #expect(path.p50.allSatisfy { abs($0 - value) / size < 1e-3 })
        #expect(path.p10.allSatisfy { $0.isFinite } && path.p90.allSatisfy { $0.isFinite })
        #expect(pool.forecast(horizon: 0).p50.isEmpty && pool.forecast(horizon: -3).p50.isEmpty)
    }

    @Test func badInputIsDefined() throws {
        var generator = SplitMix64(seed: 5)
        for count in [20, 100, 600] {
            let values = (0..<count).map { _ in
                (badValues + [9e149, -9e149]).randomElement(using: &generator) ?? 0
            }
            guard let pool = try? AutoregressionPool(fitting: values, seasons: [0, -5, 1, 24, 24, 168]) else {
                continue
            }
            let path = pool.forecast(horizon: 30)
            #expect((path.p10 + path.p50 + path.p90).allSatisfy { $0.isFinite })
            let isOrdered = (0..<30).allSatisfy { path.p10[$0] <= path.p50[$0] && path.p50[$0] <= path.p90[$0] }
            #expect(isOrdered)
        }
    }

    @Test func storedModelForecastsTheSame() throws {
        let pool = try AutoregressionPool(fitting: wave(600, seed: 6, noise: 2), seasons: [24, 168])
        let stored = try JSONDecoder().decode(AutoregressionPool.self, from: JSONEncoder().encode(pool))
        #expect(stored.forecast(horizon: 12) == pool.forecast(horizon: 12))
    }
}
