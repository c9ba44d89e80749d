#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How long ago the last change was: Bayesian online change-point detection (Adams and MacKay 2007, algorithm 1) with
/// normal values of unknown mean and variance.
///
/// Run lengths beyond the capacity count as the capacity. State: 5 words a run length.
struct RunLengthPosterior: Sendable, Equatable, Codable {
    private static let mostCapacity = 100_000

    /// Probability of a change at a sample.
    let hazard: Double
    /// Longest run length that is told apart.
    let capacity: Int
    /// Probability of each run length, index 0 for a change at the newest sample.
    private(set) var probabilities: [Double] = [1]
    /// Parameters of the normal-gamma distribution by run length: mean, pseudo-count, shape, rate.
    private var means: [Double]
    private var counts: [Double]
    private var shapes: [Double]
    private var rates: [Double]

    /// - Parameters:
    ///   - hazard: in (0,1).
    ///   - capacity: at least 2.
    ///   - mean: prior mean; worth `count` values.
    ///   - shape: prior shape of the precision's gamma distribution.
    ///   - rate: its prior rate.
    init(
        hazard: Double, capacity: Int, mean: Double = 0, count: Double = 1, shape: Double = 1, rate: Double = 1
    ) {
        self.hazard = hazard
        self.capacity = max(2, capacity)
        means = [mean]
        counts = [count]
        shapes = [shape]
        rates = [rate]
    }

    /// - Throws: `DecodingError` for lists that do not belong together.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        hazard = try container.decode(Double.self, forKey: .hazard)
        capacity = try container.decode(Int.self, forKey: .capacity)
        probabilities = try container.decode([Double].self, forKey: .probabilities)
        means = try container.decode([Double].self, forKey: .means)
        counts = try container.decode([Double].self, forKey: .counts)
        shapes = try container.decode([Double].self, forKey: .shapes)
        rates = try container.decode([Double].self, forKey: .rates)
        let lengths = [means, counts, shapes, rates].map(\.count)
        guard (0..<1).contains(hazard), (2...Self.mostCapacity).contains(capacity),
            (1...capacity + 1).contains(probabilities.count), lengths.allSatisfy({ $0 == probabilities.count })
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .probabilities, in: container, debugDescription: "the run lengths do not belong together")
        }
    }

    /// Takes in a value.
    mutating func update(_ value: Double) {
        let length = probabilities.count
        var grown = [0.0]
        grown.reserveCapacity(length + 1)
        var change = 0.0
        for index in 0..<length {
            let density = density(of: value, index)
            let joint = probabilities[index] * density
            grown.append(joint * (1 - hazard))
            change += joint * hazard
        }
        grown[0] = change
        let total = grown.reduce(0, +)
        // So unlikely a value under all run lengths that nothing can be told: a change.
        probabilities = total > 0 ? grown.map { $0 / total } : [1] + Array(repeating: 0, count: length)
        learn(value)
        if probabilities.count > capacity { merge() }
    }

    /// Student's density of a value after a run length, by its parameters.
    private func density(of value: Double, _ index: Int) -> Double {
        let freedom = 2 * shapes[index]
        let variance = rates[index] * (counts[index] + 1) / (shapes[index] * counts[index])
        let distance = (value - means[index]) * (value - means[index]) / variance
        let logarithm =
            lgamma((freedom + 1) / 2) - lgamma(freedom / 2) - 0.5 * log(freedom * Double.pi * variance)
            - (freedom + 1) / 2 * log1p(distance / freedom)
        return exp(logarithm)
    }

    private mutating func learn(_ value: Double) {
        let (mean, count, shape, rate) = (means[0], counts[0], shapes[0], rates[0])
        for index in means.indices {
            let residual = value - means[index]
            rates[index] += counts[index] * residual * residual / (2 * (counts[index] + 1))
            means[index] += residual / (counts[index] + 1)
            counts[index] += 1
            shapes[index] += 0.5
        }
        means.insert(mean, at: 0)
        counts.insert(count, at: 0)
        shapes.insert(shape, at: 0)
        rates.insert(rate, at: 0)
    }

    /// The last two run lengths become one, with the parameters of the longer one.
    private mutating func merge() {
        let last = probabilities.removeLast()
        probabilities[probabilities.count - 1] += last
        for path in [\RunLengthPosterior.means, \.counts, \.shapes, \.rates] {
            self[keyPath: path].remove(at: self[keyPath: path].count - 2)
        }
    }
}
