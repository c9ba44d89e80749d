import Foundation
import Testing

@testable import TimeSeries

/// What all forecasters have in common, and what the single ones promise.
struct ForecasterTests {
    private func wave(_ count: Int, seed: UInt64, noise: Double = 1) -> [Double] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { 100 + 20 * sin(2 * .pi * Double($0) / 24) + noise * generator.normal() }
    }

    private static let all: [any Forecaster.Type] = [
        AutoregressionPool.self, SeasonalNaive.self, ExponentialSmoothing.self, SeasonalARIMA.self, AdditiveModel.self,
        RecurrentForecaster.self,
    ]

    @Test func waveIsContinuedByAll() throws {
        let values = wave(24 * 8, seed: 1)
        for kind in Self.all {
            let path = try kind.init(fitting: Array(values.dropLast(24)), seasons: [24]).forecast(horizon: 24)
            let error = zip(path.p50, values.suffix(24)).reduce(0) { $0 + abs($1.0 - $1.1) / 24 }
            // Noise alone makes 0.8, its difference 1.13; the level alone 12.7.
            #expect(error < (kind.name == RecurrentForecaster.name ? 5 : 1.8), "\(kind.name): \(error)")
            let isOrdered = (0..<24).allSatisfy { path.p10[$0] <= path.p50[$0] && path.p50[$0] <= path.p90[$0] }
            #expect(isOrdered, "\(kind.name)")
        }
    }

    @Test func badHistoriesAreDefinedForAll() throws {
        var generator = SplitMix64(seed: 2)
        let histories: [[Double]] = [
            [], [1], [.nan], Array(repeating: 7, count: 100), Array(repeating: 0, count: 100),
            (0..<100).map { _ in badValues.randomElement(using: &generator) ?? 0 },
            (0..<100).map { $0 % 2 == 0 ? 9e149 : -9e149 }, (0..<100).map { Double($0) * 1e147 },
            (0..<100).map { _ in .leastNonzeroMagnitude }, wave(60, seed: 3).map { $0 * 1e-300 },
        ]
        for kind in Self.all {
            for history in histories {
                for seasons in [[0, -1, 1, 7, 24]] {
                    guard let model = try? kind.init(fitting: history, seasons: seasons) else { continue }
                    let path = model.forecast(horizon: 30)
                    #expect(path.p50.count == 30, "\(kind.name)")
                    let isFinite = (path.p10 + path.p50 + path.p90).allSatisfy { $0.isFinite }
                    #expect(isFinite, "\(kind.name) \(history.prefix(3))")
                    #expect(model.forecast(horizon: -1).p50.isEmpty)
                }
            }
        }
    }

    @Test func storedModelsForecastTheSame() throws {
        func check<F: Forecaster>(_ kind: F.Type) throws {
            let model = try F(fitting: wave(200, seed: 4), seasons: [24])
            let stored = try JSONDecoder().decode(F.self, from: JSONEncoder().encode(model))
            #expect(stored.forecast(horizon: 9) == model.forecast(horizon: 9), "\(F.name)")
        }
        for kind in Self.all { try check(kind) }
    }

    @Test func orderOfAnAutoregressionIsFound() throws {
        var generator = SplitMix64(seed: 5)
        var values = [0.0, 0]
        for index in 2..<600 { values.append(0.6 * values[index - 1] + 0.25 * values[index - 2] + generator.normal()) }
        let model = try SeasonalARIMA(fitting: values, seasons: [])
        #expect(model.order.differences == 0)
        #expect((1...3).contains(model.order.ar))
        let walk = values.reduce(into: [0.0]) { $0.append($0[$0.count - 1] + $1) }
        #expect(try SeasonalARIMA(fitting: walk, seasons: []).order.differences >= 1)
        let seasonal = try SeasonalARIMA(fitting: wave(240, seed: 6), seasons: [24])
        #expect(seasonal.order.seasonalDifferences == 1)
    }

    @Test func changeOfSlopeIsFoundByTheAdditiveModel() throws {
        var generator = SplitMix64(seed: 7)
        let values = (0..<400).map { Double(min($0, 200)) + generator.normal() }
        let path = try AdditiveModel(fitting: values, seasons: []).forecast(horizon: 50)
        #expect(abs(path.p50[49] - 200) < 6)
    }

    @Test func gradientIsThatOfDifferences() {
        var network = RecurrentNetwork(inputs: 2, hidden: 3, seed: 1)
        var generator = SplitMix64(seed: 8)
        let piece = (0..<6).map { _ in
            (input: [generator.normal(), generator.normal()], target: generator.normal())
        }
        var memory = network.blank
        let exact = network.gradient(piece, &memory).gradient
        for index in exact.indices {
            func loss(_ change: Double) -> Double {
                var moved = network
                moved.shift(index, by: change)
                var memory = moved.blank
                return moved.gradient(piece, &memory).loss
            }
            #expect(abs((loss(1e-5) - loss(-1e-5)) / 2e-5 - exact[index]) < 1e-7)
        }
        var carried = network.blank
        let before = network.train(piece, &carried, rate: 0.02)
        for _ in 0..<400 {
            carried = network.blank
            _ = network.train(piece, &carried, rate: 0.02)
        }
        carried = network.blank
        #expect(network.gradient(piece, &carried).loss < before / 10)
    }

    @Test func networkLearnsOnLine() throws {
        let values = wave(24 * 30, seed: 9, noise: 0.2)
        var model = try RecurrentForecaster(fitting: Array(values.prefix(24 * 10)), seasons: [24])
        for value in values.dropFirst(24 * 10).dropLast(12) { model.learn(value) }
        model.learn(.nan)
        let path = model.forecast(horizon: 12)
        let error = zip(path.p50, values.suffix(12)).reduce(0) { $0 + abs($1.0 - $1.1) / 12 }
        #expect(error < 5)
    }
}

extension RecurrentNetwork {
    fileprivate mutating func shift(_ index: Int, by change: Double) { weights[index] += change }
}
