/// The last season again, or the last value: what every other forecaster has to beat.
///
/// The spread is that of the seasonal differences, and grows with the root of the seasons ahead (Hyndman and
/// Athanasopoulos, section 5.5). State: one season.
package struct SeasonalNaive: Forecaster {
    /// Name in configurations and explanations.
    package static let name = "seasonal-naive"

    private let season: [Double]
    private let deviation: Double

    /// Takes the season after which the last values were most like themselves, of those that the history holds twice.
    package init(fitting history: [Double], seasons: [Int]) throws(ForecastError) {
        let values = FilledHistory.filled(history)
        guard values.count >= 2 else { throw .insufficientData(have: values.count, need: 2) }
        let candidates = FilledHistory.seasons(seasons, points: values.count)
        let newest = values.suffix(candidates.last ?? 1).indices
        func error(_ period: Int) -> Double { newest.reduce(0) { $0 + abs(values[$1] - values[max(0, $1 - period)]) } }
        let period = candidates.min { error($0) < error($1) } ?? 1
        season = Array(values.suffix(period))
        let differences = (period..<values.count).map { values[$0] - values[$0 - period] }
        let size = max(1e-300, differences.reduce(0) { max($0, abs($1)) })
        let squares = differences.reduce(0) { $0 + $1 / size * ($1 / size) }
        deviation = size * (squares / Double(max(1, differences.count))).squareRoot()
    }

    /// The distribution of the next values.
    package func forecast(horizon: Int) -> ForecastPath {
        let steps = Self.steps(horizon)
        return ForecastPath(
            means: steps.map { season[$0 % season.count] },
            deviations: steps.map { deviation * Double($0 / season.count + 1).squareRoot() })
    }

    /// Whether a stored state can be gone on with.
    package var isConsistent: Bool { !season.isEmpty && season.areUsable && [deviation].areUsable && deviation >= 0 }
}
