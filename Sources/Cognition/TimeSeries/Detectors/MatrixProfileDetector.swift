/// A shape that the series has not had before: the streaming discord of the left matrix profile.
///
/// The z-normalised distance of the newest 16 samples to the nearest earlier 16 out of the last 512 (Yeh and others 2016,
/// "Matrix profile I"), which do not overlap with them; products are summed anew, exact for values of any size, in one
/// pass over the history. The distance is judged by its own running mean and spread. Flat subsequences are at the distance of √16 from
/// all others and at 0 from each other. Warms up for 64 distances. State: at most 17 KiB.
package struct MatrixProfileDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "matrix-profile"
    /// Samples of a subsequence.
    static let length = 16
    private static let capacity = 512

    private var values: [Double] = []
    /// Mean and standard deviation of the subsequence that begins at each index.
    private var means: [Double] = []
    private var deviations: [Double] = []
    private var unusual = UnusualValue()
    private var level = RecentLevel()

    /// A detector that has seen nothing.
    package init() {}

    /// - Throws: `DecodingError` for lists that do not belong together.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        values = try container.decode([Double].self, forKey: .values)
        means = try container.decode([Double].self, forKey: .means)
        deviations = try container.decode([Double].self, forKey: .deviations)
        unusual = try container.decode(UnusualValue.self, forKey: .unusual)
        level = try container.decode(RecentLevel.self, forKey: .level)
        let subsequences = max(0, values.count - Self.length + 1)
        guard values.count <= Self.capacity, means.count == subsequences, deviations.count == subsequences else {
            throw DecodingError.dataCorruptedError(
                forKey: .values, in: container, debugDescription: "the subsequences do not belong together")
        }
    }

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        let score = distance(sample.value).map { unusual.score($0) } ?? 0
        return level.judge(sample.value, score: score)
    }

    /// Distance of the subsequence that ends with the value to its nearest earlier neighbour; `nil` without one.
    mutating func distance(_ value: Double) -> Double? {
        values.append(value)
        let length = Self.length
        if values.count > Self.capacity {
            values.removeFirst()
            means.removeFirst()
            deviations.removeFirst()
        }
        let newest = values.count - length
        guard newest >= 0 else { return nil }
        let (mean, deviation) = moments(newest)
        means.append(mean)
        deviations.append(deviation)
        guard newest >= length else { return nil }
        var best = Double.infinity
        for start in 0...(newest - length) {
            let (otherMean, otherDeviation) = (means[start], deviations[start])
            guard deviation > 0, otherDeviation > 0 else {
                best = min(best, deviation == otherDeviation ? 0 : Double(length).squareRoot())
                continue
            }
            var sum = 0.0
            for offset in 0..<length {
                sum +=
                    (values[newest + offset] - mean) / deviation
                    * ((values[start + offset] - otherMean) / otherDeviation)
            }
            best = min(best, max(0, 2 * (Double(length) - sum)).squareRoot())
        }
        return best
    }

    private func moments(_ start: Int) -> (mean: Double, deviation: Double) {
        let count = Double(Self.length)
        var mean = 0.0
        for index in start..<(start + Self.length) { mean += values[index] / count }
        var variance = 0.0
        for index in start..<(start + Self.length) {
            variance += (values[index] - mean) * (values[index] - mean) / count
        }
        // Differences that rounding makes are none.
        return (mean, variance > 1e-24 * mean * mean ? variance.squareRoot() : 0)
    }
}
