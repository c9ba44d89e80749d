/// Standard deviation of a stream of residuals around 0, robust against outliers, in constant space.
///
/// An exponentially weighted mean of absolute residuals, each counted as at most four times the present estimate, times
/// √(π/2); a plain mean until as many residuals have come in as the window holds. State: 4 words.
struct RunningScale: Sendable, Equatable, Codable {
    private static let normalFactor = 1.2533
    /// Effective number of residuals.
    private let window: Double
    /// Of the window: a multiplication where a division would wait.
    private let pace: Double
    private var mean = 0.0
    private(set) var count = 0

    /// - Parameter window: effective number of residuals, at least 2.
    init(window: Double) {
        self.window = max(2, window)
        pace = 1 / self.window
    }

    private enum CodingKeys: String, CodingKey {
        case window, pace, mean, count
    }

    /// - Throws: `DecodingError` for a scale that no residuals make.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(window: try container.decode(Double.self, forKey: .window))
        mean = try container.decode(Double.self, forKey: .mean)
        count = try container.decode(Int.self, forKey: .count)
        guard try container.decode(Double.self, forKey: .pace) == pace, mean >= 0, count >= 0 else {
            throw DecodingError.dataCorruptedError(
                forKey: .mean, in: container, debugDescription: "no residuals have such a scale")
        }
    }

    /// Estimate in the unit of the residuals; 0 before the first one that is not 0.
    var value: Double { Self.normalFactor * mean }

    /// The distance of a residual in standard deviations; 0 while there is no scale.
    func deviation(_ residual: Double) -> Double { value > 0 ? residual / value : 0 }

    mutating func update(_ residual: Double) {
        count = min(count + 1, 1 << 40)
        let size = abs(residual)
        // The first residuals may themselves be outliers, and bounds would keep a scale of 0 at 0.
        let bounded = count > 16 && mean > 0 ? min(size, 4 * value) : size
        if Double(count) < window {
            mean += (bounded - mean) / Double(count)
        } else {
            mean += (bounded - mean) * pace
        }
    }
}

extension RunningScale: ResidualMeasure {
    /// Over a thousand residuals.
    init() { self.init(window: 1_000) }

    mutating func magnitude(_ residual: Double, floor: Double) -> Double {
        let noise = max(value, floor)
        update(residual)
        return noise > 0 ? abs(residual) / noise : 0
    }
}
