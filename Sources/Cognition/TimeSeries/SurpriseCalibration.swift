#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How many magnitudes as large as one are expected in a day, by the tail of the magnitudes so far and by the episodes
/// in which they came.
///
/// State: at most 37 words.
struct SurpriseCalibration: Sendable, Equatable, Codable {
    /// Share of a magnitude from which an earlier episode was like it.
    private static let likeness = 0.6
    /// Decades granted to a surprise that has come before.
    private static let grace = 0.3

    private var tail = TailCalibration()
    private var episodes = EpisodeMemory()

    /// Takes in a magnitude.
    ///
    /// - Parameters:
    ///   - perDay: samples a day.
    ///   - age: days since the first sample.
    /// - Returns: negative decimal logarithms of the number expected in a day, by the tail alone and with the episodes.
    mutating func decades(
        of magnitude: Double, at timestamp: Int64, perDay: Double, age: Double
    ) -> (raw: Double, bounded: Double) {
        let raw = -(tail.logarithm(magnitude) + log(perDay)) / log(10)
        let known = episodes.count(atLeast: Self.likeness * magnitude)
        let bound = known > 0 ? Self.grace - log10((Double(known) - 0.5) / max(1, age)) : .infinity
        tail.update(magnitude)
        episodes.update(magnitude, at: timestamp)
        return (raw, min(raw, bound))
    }
}
