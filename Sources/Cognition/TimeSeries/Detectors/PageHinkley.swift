/// The Page-Hinkley test of a lasting change of the mean (Page 1954; Mouss and others 2004).
///
/// State: 7 words.
struct PageHinkley: Sendable, Equatable, Codable {
    /// Departures from the mean that are tolerated, in the unit of the values.
    let tolerance: Double
    /// Share of the sums that is kept from one value to the next, at most 1.
    let keeping: Double
    private var mean = 0.0
    private(set) var count = 0.0
    private var rise = 0.0
    private var fall = 0.0
    private var leastRise = Double.greatestFiniteMagnitude
    private var mostFall = -Double.greatestFiniteMagnitude

    init(tolerance: Double, keeping: Double) {
        self.tolerance = tolerance
        self.keeping = keeping
    }

    /// Takes in a value; the larger of the two statistics, at least 0, to be compared with a threshold.
    mutating func update(_ value: Double) -> Double {
        count = min(count + 1, 1e12)
        mean += (value - mean) / count
        rise = keeping * rise + (value - mean - tolerance)
        fall = keeping * fall + (value - mean + tolerance)
        leastRise = min(leastRise, rise)
        mostFall = max(mostFall, fall)
        return max(rise - leastRise, mostFall - fall)
    }
}
