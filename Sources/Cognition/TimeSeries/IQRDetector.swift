/// Tukey's fences (Exploratory Data Analysis 1977, section 2D) around the recent residuals.
///
/// The quartiles are those of the last 32 residuals within 4.5 deviations of the band; the interquartile range is never
/// taken to be smaller than the band's, and the middle of the quartiles never farther than one deviation from the
/// band's. State: at most 416 bytes.
package struct IQRDetector: Detector, Equatable, Codable {
    /// Name in configurations and explanations.
    package static let name = "iqr"
    /// Quartile of the standard normal distribution.
    private static let normalQuartile = 0.6745
    /// Residuals that quartiles are taken of at least.
    private static let leastResiduals = 8

    /// Residuals in units of the band.
    private var window = QuartileWindow()

    /// A detector that has seen nothing.
    package init() {}

    /// Bytes of the state with what it refers to.
    package var stateBytes: Int { MemoryLayout<Self>.size + window.heapBytes }

    /// Takes in the next value and scores its distance from the band, in [0,1].
    package mutating func update(timestamp: Int64, value: Double, band: Band) -> Double {
        guard abs(value) < 1e150 else { return 0 }
        let deviation = band.deviation(of: value)
        let distance = distance(of: deviation)
        if abs(deviation) <= 4.5 { window.insert(deviation) }
        return distance > 0 ? Statistics.score(deviation: distance) : 0
    }

    /// Distance from the nearer quartile in units in which a normal distribution's deviation comes out.
    private func distance(of deviation: Double) -> Double {
        var lower = -Self.normalQuartile
        var upper = Self.normalQuartile
        if window.count >= Self.leastResiduals {
            let (first, third) = window.quartiles
            let middle = max(-1, min(1, (first + third) / 2))
            let half = max(Self.normalQuartile, (third - first) / 2)
            lower = middle - half
            upper = middle + half
        }
        let outside = max(lower - deviation, deviation - upper)
        guard outside > 0 else { return 0 }
        return Self.normalQuartile + outside * 2 * Self.normalQuartile / (upper - lower)
    }

    private enum CodingKeys: String, CodingKey {
        case residuals, next
    }

    /// - Throws: `DecodingError` for residuals that are no ring.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let residuals = try container.decode([Double].self, forKey: .residuals)
        let next = try container.decode(Int.self, forKey: .next)
        guard let window = QuartileWindow(ring: residuals, next: next) else {
            throw DecodingError.dataCorruptedError(forKey: .next, in: container, debugDescription: "not a ring")
        }
        self.window = window
    }

    /// Stores the residuals in the order of the ring.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(window.ring, forKey: .residuals)
        try container.encode(window.next, forKey: .next)
    }
}
