/// When a series reached its target in the past from states like the present one.
///
/// Nearest neighbours (Lorenz 1969, "Atmospheric predictability as revealed by naturally occurring analogues") among
/// past points with a known outcome: alike in level, in the change of the last two hours, and in the time of day. They
/// tell of recurring breaches that no smooth path shows: nightly jobs, bursts.
struct AnalogPassages {
    private static let neighbours = 16
    /// Half an hour and two hours, in seconds.
    private static let short = 1_800.0
    private static let long = 7_200.0
    private static let day = 86_400.0

    /// Separate past breaches.
    private(set) var events = 0
    /// Seconds to the breach from each of the nearest past points, ascending, those within the horizon only.
    private(set) var times: [Double] = []
    /// Nearest past points that were found.
    private(set) var total = 0

    init(_ series: UniformSeries, target: Double, horizon: Double) {
        let steps = Int(horizon / series.step)
        let unit = max(1, Int(Self.short / series.step))
        let back = max(unit, Int(Self.long / series.step))
        let last = series.count - 1
        let next = Self.nextBreach(series, target)
        events = next.indices.dropFirst().count {
            next[$0] == $0 && next[$0 - 1] != $0 - 1 && series.values[$0 - 1] < target
        }
        guard events > 0, last - steps > back else { return }
        let values = series.values.sorted()
        let width = Statistics.quantile(sorted: values, 0.9) - Statistics.quantile(sorted: values, 0.1)
        func features(_ index: Int) -> (level: Double, change: Double) {
            let level = series.mean(at: index, length: unit)
            return (level, level - series.mean(at: index - back, length: unit))
        }
        let now = features(last)
        var candidates: [(distance: Double, index: Int)] = []
        for index in stride(from: last - steps, through: back, by: -unit) where series.values[index] < target {
            let then = features(index)
            let phase = (Double(last - index) * series.step).truncatingRemainder(dividingBy: Self.day) / Self.day
            let shift = 8 * min(phase, 1 - phase)
            let level = width > 0 ? 3 * (then.level - now.level) / width : 0
            let change = width > 0 ? 3 * (then.change - now.change) / width : 0
            candidates.append((level * level + change * change + shift * shift, index))
        }
        let nearest = candidates.sorted { ($0.distance, $1.index) < ($1.distance, $0.index) }.prefix(Self.neighbours)
        total = nearest.count
        times = nearest.compactMap { candidate in
            guard let breach = next[candidate.index], breach - candidate.index <= steps else { return nil }
            return Double(breach - candidate.index) * series.step
        }.sorted()
    }

    /// Index of the first breach from each point on: two values in a row of a series without single outliers.
    private static func nextBreach(_ series: UniformSeries, _ target: Double) -> [Int?] {
        var result = Array(repeating: Int?.none, count: series.count)
        var next: Int?
        for index in series.values.indices.dropLast().reversed() {
            if series.values[index] >= target, series.values[index + 1] >= target { next = index }
            result[index] = next
        }
        return result
    }
}
