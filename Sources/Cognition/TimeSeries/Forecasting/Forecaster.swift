/// Continues a series at a uniform distance of points.
///
/// Fitted once to a history, asked for any horizon. Deterministic; a fitted model stored through `Codable` forecasts the
/// same.
package protocol Forecaster: Sendable, Equatable, Codable {
    /// Name in configurations and explanations.
    static var name: String { get }

    /// Fits the model to a history.
    ///
    /// - Parameters:
    ///   - history: values at a uniform distance, oldest first; unusable ones are interpolated (see `FilledHistory`).
    ///   - seasons: lengths of the seasons in points, ascending, such as 24 and 168 of hourly values; empty for none.
    ///     Seasons that are not longer than one point or of which the history does not hold two are left out.
    /// - Throws: ``ForecastError`` when the history is too short.
    init(fitting history: [Double], seasons: [Int]) throws(ForecastError)

    /// The distribution of the next values.
    ///
    /// - Parameter horizon: number of points; less than 1 gives an empty path.
    func forecast(horizon: Int) -> ForecastPath
}
