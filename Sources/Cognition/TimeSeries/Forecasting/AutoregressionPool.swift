/// The default forecaster: the mean of a few robust autoregressions that see the seasons in different ways.
///
/// Lags reach to and around each season; one member works on the values, one on their differences over the first
/// season, one on their first differences, and one has harmonics of the longest season. Equal weights, as estimated ones
/// seldom do better (Smith and Wallis 2009, "A simple explanation of the forecast combination puzzle"). Histories of
/// fewer than three of a season do without it. State: at most four times some 500 words.
package struct AutoregressionPool: Forecaster {
    /// Name in configurations and explanations.
    package static let name = "autoregression-pool"
    /// Fewer usable points are not forecast.
    package static let minimumPoints = 12
    /// Lags that are looked at one by one.
    private static let shortLags = 27

    private let members: [RobustAutoregression]
    /// Forecast of a history that no member could be fitted to.
    private let last: Double

    /// Fits the members that the history is long enough for.
    package init(fitting history: [Double], seasons: [Int]) throws(ForecastError) {
        let values = FilledHistory.filled(history)
        guard let last = values.last, values.count >= Self.minimumPoints else {
            throw .insufficientData(have: values.count, need: Self.minimumPoints)
        }
        self.last = last
        members = Self.designs(FilledHistory.seasons(seasons, points: values.count), points: values.count)
            .compactMap { RobustAutoregression(values, $0) }
    }

    /// The distribution of the next values.
    package func forecast(horizon: Int) -> ForecastPath {
        guard !members.isEmpty else {
            let flat = Array(repeating: last, count: Self.steps(horizon).count)
            return ForecastPath(p10: flat, p50: flat, p90: flat)
        }
        let steps = Self.steps(horizon)
        return .averaged(members.map { $0.forecast(horizon: steps.count) })
    }

    /// Whether a stored state can be gone on with.
    package var isConsistent: Bool { members.count <= 4 && members.allSatisfy(\.isConsistent) && abs(last) < 1e150 }

    private static func designs(_ seasons: [Int], points: Int) -> [RobustAutoregression.Design] {
        let usable = seasons.filter { 3 * $0 <= points }
        guard let first = usable.first, let longest = usable.last else {
            let reach = max(1, min(shortLags, points / 8))
            return [.init(lags: Array(1...reach)), .init(lags: Array(1...reach), difference: 1)]
        }
        guard usable.count > 1 else {
            let around = Set([first - 1, first, first + 1])
            return [
                .init(lags: around.union(1...min(shortLags - 1, first + 2)).filter { $0 > 0 }.sorted(), penalty: 0.03),
                .init(lags: around.union([1, 2]).filter { $0 > 0 }.sorted(), difference: first, penalty: 0.1),
            ]
        }
        var lags = Set(1...min(shortLags, points / 16))
        for (season, reach) in zip(usable, 1...) {
            for offset in -reach...reach { lags.insert(season + offset) }
        }
        for season in 2...max(2, longest / first - 1) where season <= 6 { lags.insert(season * first) }
        lags.formUnion([2 * first - 1, 2 * first + 1])
        let chosen = lags.filter { $0 > 0 }.sorted()
        let memory = Double(longest) / 0.3
        return [
            .init(lags: chosen, memory: memory),
            .init(lags: chosen, difference: first, memory: memory),
            .init(lags: chosen, difference: 1, memory: memory),
            .init(lags: chosen, harmonics: 10, period: longest, memory: memory),
        ]
    }
}
