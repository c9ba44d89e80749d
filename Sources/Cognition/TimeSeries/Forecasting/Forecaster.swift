/// Continues a series at a uniform distance of points.
///
/// Fitted once to a history, asked for any horizon. Deterministic; a fitted model stored through `Codable` forecasts the
/// same. All quantiles are finite and ordered, whatever the history holds.
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
    /// - Parameter horizon: number of points; less than 1 gives an empty path, more than ``longestHorizon`` gives as many
    ///   as that.
    func forecast(horizon: Int) -> ForecastPath

    /// Whether the parts of the state fit each other, so that a stored one can be gone on with.
    var isConsistent: Bool { get }
}

extension Forecaster {
    /// Points that are forecast at most: a week of minutes.
    package static var longestHorizon: Int { 10_080 }
    /// Version of the stored states of all forecasters; one of another version is not taken up.
    package static var snapshotVersion: Int { 1 }

    /// Indices of the points to forecast.
    static func steps(_ horizon: Int) -> Range<Int> { 0..<min(longestHorizon, max(0, horizon)) }

    /// The state as bytes with kind, version and checksum.
    package func snapshot() throws(SnapshotError) -> [UInt8] {
        try Snapshot.bytes(of: self, kind: Self.name, version: Self.snapshotVersion)
    }

    /// Takes up a stored state.
    ///
    /// - Throws: `SnapshotError` for one that is cut off, damaged, of something else or of another version, or whose parts
    ///   do not fit each other.
    package init(snapshot bytes: [UInt8]) throws(SnapshotError) {
        self = try Snapshot.state(from: bytes, kind: Self.name, version: Self.snapshotVersion)
        guard isConsistent else { throw .unusable("the parts of the \(Self.name) do not fit each other") }
    }
}

extension Sequence<Double> {
    /// Whether all are numbers that forecasters calculate with: below 1e155, so that their squares are finite.
    var areUsable: Bool { allSatisfy { abs($0) < 1e155 } }
}
