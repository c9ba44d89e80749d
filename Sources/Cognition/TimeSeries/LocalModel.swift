/// A way to continue a series from one of its points, by what lies before that point only.
enum LocalModel: Sendable, Equatable {
    /// The mean of the last half hour stays.
    case level
    /// A line through a window of seconds goes on.
    case line(window: Double)
    /// Its slope fades with a time constant of seconds.
    case damped(window: Double, fading: Double)
    /// The change of slope between the halves of a window goes on.
    case curve(window: Double)
    /// The rise that began somewhere in a window goes on, as a line or as a parabola.
    case onset(window: Double, isCurved: Bool)
    /// What came after the same phase of the last period comes again, moved to the present level or not.
    case repetition(period: Int, isMoved: Bool)

    private static let half = 1_800.0

    /// Whether it claims a trend.
    var isTrend: Bool {
        switch self {
        case .level, .repetition: false
        case .line, .damped, .curve, .onset: true
        }
    }

    /// Points that it looks back, besides the origin.
    func reach(step: Double) -> Int {
        switch self {
        case .level: 1
        case .line(let window), .damped(let window, _), .curve(let window), .onset(let window, _): Int(window / step)
        case .repetition(let period, _): period + Int(Self.half / step)
        }
    }

    /// The continuation from the point `origin`; `nil` with too few points before.
    func path(_ series: UniformSeries, from origin: Int) -> LocalPath? {
        guard origin >= reach(step: series.step) else { return nil }
        let short = max(3, Int(Self.half / series.step))
        switch self {
        case .level:
            return LocalPath(level: series.mean(at: origin, length: min(short, 6)))
        case .line(let window):
            let line = series.line(at: origin, length: Int(window / series.step) + 1)
            return LocalPath(level: line.level, slope: line.slope)
        case .damped(let window, let fading):
            let line = series.line(at: origin, length: Int(window / series.step) + 1)
            return LocalPath(level: line.level, slope: line.slope, fading: fading)
        case .curve(let window):
            let half = max(3, Int(window / series.step / 2))
            let newer = series.line(at: origin, length: half)
            guard origin >= half else { return nil }
            let older = series.line(at: origin - half, length: half)
            let seconds = Double(half) * series.step
            let bend = (newer.slope - older.slope) / seconds
            return LocalPath(
                level: newer.level + bend * seconds * seconds / 12, slope: newer.slope + bend * seconds / 2, bend: bend)
        case .onset(let window, let isCurved):
            let rise = series.onset(
                at: origin, length: Int(window / series.step) + 1, shortest: max(6, Int(3_600 / series.step)),
                isCurved: isCurved)
            return LocalPath(level: rise.level, slope: rise.slope, bend: rise.bend)
        case .repetition(let period, let isMoved):
            let shift =
                isMoved
                ? series.mean(at: origin, length: short) - series.mean(at: origin - period, length: short) : 0
            return LocalPath(level: shift, period: period, origin: origin)
        }
    }
}
