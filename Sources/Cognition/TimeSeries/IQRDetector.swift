/// Tukey's fences (Exploratory Data Analysis 1977, section 2D) around the recent residuals.
///
/// The quartiles are those of the last 32 residuals within 4.5 deviations of the band; the interquartile range is never
/// taken to be smaller than the band's, and the middle of the quartiles never farther than one deviation from the
/// band's. State: at most 65 words.
package struct IQRDetector: Detector, Equatable, Codable {
    /// Name in configurations and explanations.
    package static let name = "iqr"
    private static let capacity = 32
    /// Quartile of the standard normal distribution.
    private static let normalQuartile = 0.6745

    /// Ring of residuals in units of the band.
    private var residuals: [Double] = []
    private var next = 0
    private var sorted: [Double] = []

    /// A detector that has seen nothing.
    package init() {}

    /// Takes in the next value and scores its distance from the band, in [0,1].
    package mutating func update(timestamp: Int64, value: Double, band: Band) -> Double {
        guard abs(value) < 1e150 else { return 0 }
        let deviation = band.deviation(of: value)
        let score = Statistics.score(deviation: distance(of: deviation))
        if abs(deviation) <= 4.5 { insert(deviation) }
        return score
    }

    /// Distance from the nearer quartile in units in which a normal distribution's deviation comes out.
    private func distance(of deviation: Double) -> Double {
        var lower = -Self.normalQuartile
        var upper = Self.normalQuartile
        if sorted.count >= 8 {
            let first = Statistics.quantile(sorted: sorted, 0.25)
            let third = Statistics.quantile(sorted: sorted, 0.75)
            let middle = max(-1, min(1, (first + third) / 2))
            let half = max(Self.normalQuartile, (third - first) / 2)
            lower = middle - half
            upper = middle + half
        }
        let outside = max(0, lower - deviation, deviation - upper)
        guard outside > 0 else { return 0 }
        return Self.normalQuartile + outside * 2 * Self.normalQuartile / (upper - lower)
    }

    private mutating func insert(_ residual: Double) {
        guard residuals.count == Self.capacity, residuals.indices.contains(next), sorted.count == Self.capacity else {
            residuals.append(residual)
            sorted.insert(residual, at: rank(of: residual))
            return
        }
        var place = rank(of: residuals[next])
        residuals[next] = residual
        next = (next + 1) % Self.capacity
        // The new one moves from the place of the old one to its own.
        while place > 0, sorted[place - 1] > residual {
            sorted[place] = sorted[place - 1]
            place -= 1
        }
        while place + 1 < Self.capacity, sorted[place + 1] < residual {
            sorted[place] = sorted[place + 1]
            place += 1
        }
        sorted[place] = residual
    }

    /// Place of the first of the sorted residuals that is not smaller.
    private func rank(of residual: Double) -> Int {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < residual { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private enum CodingKeys: String, CodingKey {
        case residuals, next
    }

    /// What is sorted is not stored.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        residuals = try container.decode([Double].self, forKey: .residuals).suffix(Self.capacity)
        next = try container.decode(Int.self, forKey: .next)
        guard residuals.allSatisfy(\.isFinite),
            residuals.count < Self.capacity ? next == 0 : residuals.indices.contains(next)
        else {
            throw DecodingError.dataCorruptedError(forKey: .next, in: container, debugDescription: "not a ring")
        }
        sorted = residuals.sorted()
    }

    /// Stores the residuals in their order of time.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(residuals, forKey: .residuals)
        try container.encode(next, forKey: .next)
    }
}
