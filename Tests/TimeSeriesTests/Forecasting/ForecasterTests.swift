import Foundation
import Testing

@testable import TimeSeries

/// What all forecasters have in common, and what the single ones promise.
struct ForecasterTests {
    private func wave(_ count: Int, seed: UInt64, noise: Double = 1) -> [Double] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map { 100 + 20 * sin(2 * .pi * Double($0) / 24) + noise * generator.normal() }
    }

    @Test(arguments: ForecastMethod.allCases) func waveIsContinued(method: ForecastMethod) throws {
        let values = wave(24 * 8, seed: 1)
        let path = try method.type.init(fitting: Array(values.dropLast(24)), seasons: [24]).forecast(horizon: 24)
        let error = zip(path.p50, values.suffix(24)).reduce(0) { $0 + abs($1.0 - $1.1) / 24 }
        // Noise alone makes 0.8, its difference 1.13; the level alone 12.7.
        #expect(error < (method == .lstm ? 5 : 1.8), "\(error)")
        #expect(isSound(path, 24))
        #expect(method.type.name == method.rawValue)
    }

    /// Whether a path has so many points, all finite and ordered.
    private func isSound(_ path: ForecastPath, _ count: Int) -> Bool {
        path.p10.count == count && path.p50.count == count && path.p90.count == count
            && (path.p10 + path.p50 + path.p90).allSatisfy(\.isFinite)
            && zip(path.p10, path.p50).allSatisfy { $0 <= $1 } && zip(path.p50, path.p90).allSatisfy { $0 <= $1 }
    }

    private static let badHistories: [(name: String, values: [Double])] = {
        var generator = SplitMix64(seed: 2)
        let noise = (0..<80).map { _ in generator.normal() }
        return [
            ("nothing", []), ("one", [1]), ("one gap", [.nan]), ("all gaps", Array(repeating: .nan, count: 500)),
            ("two far apart", [1] + Array(repeating: .nan, count: 500) + [2]),
            ("zeros", Array(repeating: 0, count: 80)), ("sevens", Array(repeating: 7, count: 80)),
            ("wild", (0..<80).map { _ in badValues.randomElement(using: &generator) ?? 0 }),
            ("1e308", (0..<80).map { $0 % 2 == 0 ? 1e308 : -1e308 }),
            ("1e308 between", noise.enumerated().map { $0.offset % 9 == 4 ? 1e308 : $0.element }),
            ("9e149", (0..<80).map { $0 % 2 == 0 ? 9e149 : -9e149 }), ("steep", (0..<80).map { Double($0) * 1e147 }),
            ("denormal", Array(repeating: .leastNonzeroMagnitude, count: 80)), ("tiny", noise.map { $0 * 1e-300 }),
            ("a step", (0..<80).map { $0 < 40 ? 0 : 1 }), ("a spike", (0..<80).map { $0 == 77 ? 1e9 : 0 }),
            ("gaps", noise.enumerated().map { $0.offset % 3 == 0 ? .nan : $0.element }),
        ]
    }()

    @Test(arguments: ForecastMethod.allCases) func badHistoriesHaveADefinedAnswer(method: ForecastMethod) throws {
        for (name, values) in Self.badHistories {
            for seasons in [[.min, 0, 1, 7, 168, .max]] {
                do throws(ForecastError) {
                    let model = try method.type.init(fitting: values, seasons: seasons)
                    #expect(isSound(model.forecast(horizon: 30), 30), "\(name) \(seasons)")
                } catch .insufficientData(let have, let need) {
                    // All other histories are long enough for everybody.
                    #expect(have < need && values.count { abs($0) < 1e150 } <= 2, "\(name)")
                }
            }
        }
    }

    @Test(arguments: ForecastMethod.allCases) func anyLengthHasADefinedAnswer(method: ForecastMethod) throws {
        let values = wave(80, seed: 3)
        var need = 0
        for count in Array(0...12) + [19, 20, 21, 47, 48, 49, 80] {
            do throws(ForecastError) {
                let model = try method.type.init(fitting: Array(values.prefix(count)), seasons: [24])
                #expect(count >= need && isSound(model.forecast(horizon: 30), 30), "\(count)")
            } catch .insufficientData(let have, let least) {
                #expect(
                    have == count && count < least
                        && "\(ForecastError.insufficientData(have: have, need: least))"
                            .contains("\(least)")
                )
                need = least
            }
        }
        #expect((2...48).contains(need))
    }

    @Test(arguments: ForecastMethod.allCases) func horizonsAreBounded(method: ForecastMethod) throws {
        let model = try method.type.init(fitting: wave(60, seed: 4), seasons: [24])
        for horizon in [Int.min, -1, 0] { #expect(isSound(model.forecast(horizon: horizon), 0)) }
        let week = model.forecast(horizon: .max)
        #expect(isSound(week, method.type.longestHorizon))
        // A longer horizon is the same path, gone on with; the pool weighs its members for the horizon.
        if method != .localModels {
            let short = model.forecast(horizon: 5)
            #expect(short.p10 == Array(week.p10.prefix(5)) && short.p90 == Array(week.p90.prefix(5)))
        }
    }

    @Test(arguments: ForecastMethod.allCases) func constantsStayConstant(method: ForecastMethod) throws {
        for value in [0, 7, -3.5e9, 1e149, .leastNonzeroMagnitude] {
            let model = try method.type.init(fitting: Array(repeating: value, count: 200), seasons: [24])
            let path = model.forecast(horizon: 10)
            let size = max(abs(value), 1e-6)
            let isNear = (path.p10 + path.p50 + path.p90).allSatisfy { abs($0 - value) / size < 0.02 }
            #expect(isNear, "\(value): \(path.p50)")
        }
    }

    @Test(arguments: ForecastMethod.allCases) func forecastsAreDeterministic(method: ForecastMethod) throws {
        func check<F: Forecaster>(_: F.Type) throws {
            let one = try F(fitting: wave(100, seed: 4), seasons: [24])
            let other = try F(fitting: wave(100, seed: 4), seasons: [24, 24, 1])
            #expect(one == other && one.forecast(horizon: 9) == other.forecast(horizon: 9))
        }
        try check(method.type)
    }

    @Test(arguments: ForecastMethod.allCases) func storedModelsForecastTheSame(method: ForecastMethod) throws {
        func check<F: Forecaster>(_: F.Type) throws {
            let model = try F(fitting: wave(200, seed: 4), seasons: [24])
            let bytes = try model.snapshot()
            let stored = try F(snapshot: bytes)
            #expect(stored == model && stored.forecast(horizon: 9) == model.forecast(horizon: 9))
            #expect(try JSONDecoder().decode(F.self, from: JSONEncoder().encode(model)) == model)
            // Values and one season at most: what the longest one needs.
            #expect(bytes.count < 96 * 1_024, "\(bytes.count)")
            #expect(throws: SnapshotError.truncated) { try F(snapshot: Array(bytes.dropLast())) }
            let newer = try Snapshot.bytes(of: model, kind: F.name, version: F.snapshotVersion + 1)
            #expect(throws: SnapshotError.otherVersion(found: 2, expected: 1)) { try F(snapshot: newer) }
        }
        try check(method.type)
    }

    @Test(arguments: ForecastMethod.allCases) func changedStatesAreRefusedOrSound(method: ForecastMethod) throws {
        func check<F: Forecaster>(_: F.Type) throws {
            var generator = SplitMix64(seed: 5)
            let tree = try SnapshotValue(encoding: F(fitting: wave(200, seed: 4), seasons: [24]))
            var refused = 0
            for _ in 0..<150 {
                // The checksum is right, so that only the state itself can be told to be none.
                var content: [UInt8] = []
                tree.changed(&generator).write(to: &content)
                var reader = ByteReader(content)
                guard let model = try? SnapshotValue(&reader, depth: 0).decode(F.self), model.isConsistent else {
                    refused += 1
                    continue
                }
                #expect(isSound(model.forecast(horizon: 30), 30))
            }
            #expect(refused > 10)
        }
        try check(method.type)
    }

    @Test func naiveTakesTheSeasonThatRepeats() throws {
        // A week that grows by 10 a day is like the day before, not like the week before.
        let hours = Array(0..<504)
        let growing = hours.map { Double($0 % 24 + 10 * ($0 / 24)) }
        let day = try SeasonalNaive(fitting: growing, seasons: [24, 168]).forecast(horizon: 24)
        #expect(day.p50 == Array(growing.suffix(24)))
        let isMonday = hours.map { $0 / 24 % 7 == 0 }
        let weekly = zip(hours, isMonday).map { hour, isMonday in isMonday ? 100.0 : Double(hour % 24) }
        let week = try SeasonalNaive(fitting: weekly, seasons: [24, 168]).forecast(horizon: 24)
        #expect(week.p50 == Array(repeating: 100, count: 24))
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
