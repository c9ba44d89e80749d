#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a pool's forecasts would have missed in the past, as whole paths, and when the forecast of now passes a target if
/// it misses the same.
///
/// A bootstrap of the errors of past forecasts (compare Hyndman and Athanasopoulos, Forecasting: Principles and Practice,
/// section 5.5): the paths keep bursts, peaks and the memory of the noise, which no spread at single leads does.
struct ErrorPaths {
    /// Steps into which the horizon is divided at most.
    private static let steps = 72
    /// Past origins at most.
    private static let origins = 96
    /// Steps in a row that make a passage.
    private static let inRow = 3
    /// Origins lose half of their weight in so many seconds.
    private static let halfLife = 3 * 86_400.0

    private let pool: ForecastPool
    private let horizon: Double
    /// Points of the grid after an origin, ascending.
    private let leads: [Int]
    private let starts: [Int]

    init(_ pool: ForecastPool, horizon: Double) {
        self.pool = pool
        self.horizon = horizon
        let points = max(1, Int(horizon / pool.series.step))
        let count = min(points, Self.steps)
        leads = (1...count).map { $0 * points / count }
        let last = pool.series.count - 1 - points
        let stride = max(1, last / Self.origins)
        starts = last > 0 ? Array(Swift.stride(from: last, to: 0, by: -stride)) : []
    }

    /// Times of passage in seconds with their weights, in no order; forecasts that do not pass are left out.
    func passages(_ target: Double) -> [(seconds: Double, weight: Double)] {
        pool.members.flatMap { member in
            let base = pool.base(member.isSeasonal)
            let now = leads.map { pool.value(member, after: Double($0) * pool.series.step) }
            let paths = starts.compactMap { member.model.path(base, from: $0) == nil ? nil : $0 }
            guard !paths.isEmpty else { return spread(member, now, target) }
            let total = paths.reduce(0) { $0 + recency($1) }
            return paths.compactMap { origin in
                guard let path = member.model.path(base, from: origin) else { return nil }
                return passage(target) { index in
                    let lead = leads[index]
                    let forecast = path.value(base, after: Double(lead) * pool.series.step)
                    return now[index] + base.values[origin + lead] - forecast
                }.map { ($0, member.weight * recency(origin) / total) }
            }
        }
    }

    /// What the errors from a past origin count for: the noise may have changed since.
    private func recency(_ origin: Int) -> Double {
        exp2(-Double(pool.series.count - 1 - origin) * pool.series.step / Self.halfLife)
    }

    /// Seconds to the first of some values in a row from the target upwards.
    private func passage(_ target: Double, _ value: (Int) -> Double) -> Double? {
        var row = 0
        for index in leads.indices {
            row = value(index) >= target ? row + 1 : 0
            if row == Self.inRow { return Double(leads[index - Self.inRow + 1]) * pool.series.step }
        }
        return nil
    }

    /// Passages by the spread at single leads, for a history that is too short for whole paths.
    private func spread(
        _ member: ForecastPool.Member, _ now: [Double], _ target: Double
    ) -> [(seconds: Double, weight: Double)] {
        let deviations = leads.map { pool.deviation(member, after: Double($0) * pool.series.step) }
        return Self.nodes.compactMap { node in
            passage(target) { now[$0] + node * deviations[$0] }.map { ($0, member.weight / Double(Self.nodes.count)) }
        }
    }

    /// Middles of ten equally probable parts of a normal distribution.
    private static let nodes = [-1.645, -1.036, -0.674, -0.385, -0.126, 0.126, 0.385, 0.674, 1.036, 1.645]
}
