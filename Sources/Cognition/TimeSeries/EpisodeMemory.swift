/// The largest deviations that a series has had, one an hour, to know a deviation again that recurs.
///
/// State: at most 34 words.
struct EpisodeMemory: Sendable, Equatable, Codable {
    private static let capacity = 32
    /// Milliseconds that belong to one episode.
    private static let length = 3_600_000.0

    private var magnitudes: [Double] = []
    private var current = 0.0
    private var began: Int64?

    /// Earlier episodes of at least a magnitude.
    func count(atLeast magnitude: Double) -> Int { magnitudes.count { $0 >= magnitude } }

    /// Takes in a magnitude; beyond the capacity the largest ones are kept.
    mutating func update(_ magnitude: Double, at timestamp: Int64) {
        if let began, Double(timestamp) - Double(began) < Self.length {
            current = max(current, magnitude)
            return
        }
        if began != nil {
            if magnitudes.count < Self.capacity {
                magnitudes.append(current)
            } else if let least = magnitudes.indices.min(by: { magnitudes[$0] < magnitudes[$1] }),
                magnitudes[least] < current
            {
                magnitudes[least] = current
            }
        }
        current = magnitude
        began = timestamp
    }
}
