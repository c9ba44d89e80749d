#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Forecasts with a small long short-term memory, trained in bounded time and on line.
///
/// Inputs are the last value, standardised and bounded, and the phases of up to two seasons; the target is the change to
/// the next value. 600 steps of training over pieces of 24 values, then one step for every 24 values that come. The
/// spread grows from the one-step error like that of a random walk. Deterministic for its seed. State: about 2,200 words.
package struct RecurrentForecaster: Forecaster {
    /// Name in configurations and explanations.
    package static let name = "lstm"
    /// Fewer usable points are not forecast.
    package static let minimumPoints = 48
    private static let maximumPoints = 2_016
    private static let hidden = 8
    private static let piece = 24
    private static let steps = 600
    private static let rate = 0.01

    private var network: RecurrentNetwork
    private var memory: RecurrentNetwork.Memory
    private let periods: [Int]
    private let center: Double
    private let width: Double
    private var last: Double
    /// Place of the last value since the first one.
    private var index: Int
    private var squares: Double
    /// What has come since the last step of training, and the memory before it.
    private var pending: [Double] = []
    private var pieceMemory: RecurrentNetwork.Memory

    /// Trains on the newest points of a history.
    package init(fitting history: [Double], seasons: [Int]) throws(ForecastError) {
        let values = Array(FilledHistory.filled(history).suffix(Self.maximumPoints))
        guard values.count >= Self.minimumPoints, let newest = values.last else {
            throw .insufficientData(have: values.count, need: Self.minimumPoints)
        }
        periods = Array(FilledHistory.seasons(seasons, points: values.count).prefix(2))
        let sorted = values.sorted()
        center = Statistics.quantile(sorted: sorted, 0.5)
        width = max(1e-300, Statistics.robustScale(values, around: center), Statistics.trimmedDeviation(sorted: sorted))
        network = RecurrentNetwork(inputs: 1 + 2 * periods.count, hidden: Self.hidden, seed: 1)
        memory = network.blank
        pieceMemory = memory
        last = newest
        index = values.count - 1
        squares = 0
        train(values)
    }

    private mutating func train(_ values: [Double]) {
        let scaled = values.map(standardised)
        var start = 0
        var carried = network.blank
        for _ in 0..<Self.steps {
            if start + Self.piece >= scaled.count {
                start = 0
                carried = network.blank
            }
            let pairs = (start..<(start + Self.piece)).map { place in
                (input: input(scaled[place], at: place), target: scaled[place + 1] - scaled[place])
            }
            _ = network.train(pairs, &carried, rate: Self.rate)
            start += Self.piece
        }
        memory = network.blank
        for place in scaled.indices.dropLast() {
            let error = scaled[place] + network.predict(input(scaled[place], at: place), &memory) - scaled[place + 1]
            squares += (error * error - squares) / Double(min(place + 1, 200))
        }
        pieceMemory = memory
    }

    /// Takes in the next value of the series; an unusable one is passed over.
    package mutating func learn(_ value: Double) {
        guard abs(value) < 1e150 else { return }
        let before = standardised(last)
        let error = before + network.predict(input(before, at: index), &memory) - standardised(value)
        squares += (error * error - squares) / 200
        pending.append(last)
        last = value
        index += 1
        guard pending.count >= Self.piece else { return }
        let scaled = pending.map(standardised) + [standardised(value)]
        let begin = index - pending.count
        let pairs = pending.indices.map { place in
            (input: input(scaled[place], at: begin + place), target: scaled[place + 1] - scaled[place])
        }
        var carried = pieceMemory
        _ = network.train(pairs, &carried, rate: Self.rate / 10)
        pieceMemory = carried
        pending = []
    }

    /// The distribution of the next values.
    package func forecast(horizon: Int) -> ForecastPath {
        var memory = memory
        var value = standardised(last)
        var means: [Double] = []
        for step in Self.steps(horizon) {
            value = max(-8, min(8, value + network.predict(input(value, at: index + step), &memory)))
            means.append(value * width + center)
        }
        let noise = squares.squareRoot() * width
        return ForecastPath(means: means, deviations: means.indices.map { noise * Double($0 + 1).squareRoot() })
    }

    /// Whether a stored state can be gone on with.
    package var isConsistent: Bool {
        network.isConsistent && network.inputs == 1 + 2 * periods.count && network.hidden == Self.hidden
            && [memory, pieceMemory].allSatisfy { $0.output.count == Self.hidden && $0.cell.count == Self.hidden }
            && periods.allSatisfy { (2...Self.maximumPoints).contains($0) } && pending.count < Self.piece
            && (pending.count...1 << 60).contains(index) && width > 0 && (0..<1e300).contains(squares)
            && [pending, [center, width, last], memory.output, memory.cell, pieceMemory.output, pieceMemory.cell]
                .allSatisfy(\.areUsable)
    }

    private func standardised(_ value: Double) -> Double { max(-8, min(8, (value - center) / width)) }

    private func input(_ value: Double, at place: Int) -> [Double] {
        [value]
            + periods.flatMap { period in
                let angle = 2 * Double.pi * Double(place % period) / Double(period)
                return [sin(angle), cos(angle)]
            }
    }
}
