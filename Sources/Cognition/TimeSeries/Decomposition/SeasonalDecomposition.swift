/// Trend, seasons and remainder of a series; they sum up to it.
package struct SeasonalDecomposition: Sendable, Equatable, Codable {
    /// Slow part.
    package var trend: [Double]
    /// One part a season, in the order of the periods that were asked for.
    package var seasons: [[Double]]
    /// Remainder.
    package var remainder: [Double]

    /// Seasonal-trend decomposition by loess (Cleveland, Cleveland, McRae and Terpenning 1990, sections 2 and 3).
    ///
    /// - Parameters:
    ///   - values: at a uniform distance; unusable ones are interpolated (`FilledHistory`).
    ///   - period: points of the season, at least 2.
    ///   - seasonalWindow: years of a point that its seasonal value is smoothed over, odd, at least 3; default 7.
    ///   - isRobust: whether outliers are weighted down, with 15 outer iterations; default false.
    /// - Returns: `nil` when the values are not two periods long.
    package static func stl(
        _ values: [Double], period: Int, seasonalWindow: Int = 7, isRobust: Bool = false
    ) -> SeasonalDecomposition? {
        let values = FilledHistory.filled(values)
        guard period >= 2, values.count >= 2 * period else { return nil }
        let fit = STL(period: period, seasonalWindow: seasonalWindow).fit(values, isRobust: isRobust)
        let remainder = values.indices.map { values[$0] - fit.trend[$0] - fit.season[$0] }
        return SeasonalDecomposition(trend: fit.trend, seasons: [fit.season], remainder: remainder)
    }

    /// Several seasons, taken out one after the other, shortest first, twice (Bandara, Hyndman and Bergmeir 2021, "MSTL").
    ///
    /// - Parameters:
    ///   - values: likewise.
    ///   - periods: points of the seasons; those that the values do not hold twice are left out.
    ///   - isRobust: likewise.
    /// - Returns: `nil` when no period is left.
    package static func mstl(
        _ values: [Double], periods: [Int], isRobust: Bool = false
    ) -> SeasonalDecomposition? {
        let values = FilledHistory.filled(values)
        let periods = FilledHistory.seasons(periods, points: values.count)
        guard !periods.isEmpty else { return nil }
        var seasons = periods.map { _ in Array(repeating: 0.0, count: values.count) }
        var rest = values
        var trend = values
        for _ in 0..<(periods.count > 1 ? 2 : 1) {
            for (place, period) in periods.enumerated() {
                for index in rest.indices { rest[index] += seasons[place][index] }
                let fit = STL(period: period, seasonalWindow: 11 + 4 * place).fit(rest, isRobust: isRobust)
                seasons[place] = fit.season
                trend = fit.trend
                for index in rest.indices { rest[index] -= fit.season[index] }
            }
        }
        let remainder = rest.indices.map { rest[$0] - trend[$0] }
        return SeasonalDecomposition(trend: trend, seasons: seasons, remainder: remainder)
    }

    /// How much of what the trend leaves a season explains, in [0,1] (Wang, Smith and Hyndman 2006).
    ///
    /// - Parameter season: index into ``seasons``; one that does not exist has strength 0.
    package func strength(ofSeason season: Int) -> Double {
        guard seasons.indices.contains(season) else { return 0 }
        let both = remainder.indices.map { remainder[$0] + seasons[season][$0] }
        let spread = Self.variance(both)
        return spread > 0 ? max(0, 1 - Self.variance(remainder) / spread) : 0
    }

    private static func variance(_ values: [Double]) -> Double {
        let mean = values.reduce(0) { $0 + $1 / Double(values.count) }
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / Double(values.count) }
    }
}
