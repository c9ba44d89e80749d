/// The range of a series so far; a single sample at most triples it.
///
/// State: 3 words.
struct SeriesRange: Sendable, Equatable, Codable {
    private static let warmUp = 50

    private var low = 0.0
    private var high = 0.0
    private var count = 0

    /// Largest minus smallest value.
    var width: Double { high - low }

    mutating func insert(_ value: Double) {
        if count == 0 { (low, high) = (value, value) }
        let reach = count > Self.warmUp && width > 0 ? width : .greatestFiniteMagnitude
        count = min(count + 1, 1 << 40)
        low = max(min(low, value), low - reach)
        high = min(max(high, value), high + reach)
    }
}
