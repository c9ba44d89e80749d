#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The continuation of a series from one point.
struct LocalPath: Sendable {
    var level: Double
    /// Units a second.
    var slope = 0.0
    /// Units a second squared.
    var bend = 0.0
    /// Time constant of the slope in seconds, if it fades.
    var fading: Double?
    /// Points of the period that is repeated, if one is.
    var period: Int?
    var origin = 0

    /// Value so many seconds after the origin.
    func value(_ series: UniformSeries, after seconds: Double) -> Double {
        if let period, period > 0 {
            let points = seconds / series.step
            let back = Double(period) * max(1, (points / Double(period)).rounded(.up))
            let position = Double(origin) + points - back
            let below = Int(position.rounded(.down))
            guard below >= 0, below < series.count else { return level + series.values[origin] }
            let share = position - Double(below)
            let next = min(below + 1, origin)
            return level + series.values[below] * (1 - share) + series.values[next] * share
        }
        if let fading { return level + slope * fading * (1 - exp(-seconds / fading)) }
        return level + slope * seconds + bend * seconds * seconds / 2
    }
}
