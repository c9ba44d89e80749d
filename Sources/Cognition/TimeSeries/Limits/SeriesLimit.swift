/// A value that a series must not reach, and where it is known from.
package struct SeriesLimit: Sendable, Equatable, Codable {
    /// Where a limit is known from, the most reliable first.
    package enum Source: String, Sendable, Equatable, Codable, CaseIterable {
        /// The metrics map.
        case declared
        /// A metric beside this one that holds its capacity.
        case companion
        /// An alerting rule of the metrics source.
        case alertRule = "alert-rule"
        /// The level at which the series has saturated before.
        case learned
    }

    /// In the unit of the series.
    package var value: Double
    /// Whether values from `value` upwards are a breach, or from it downwards.
    package var isUpper: Bool
    /// Where it is known from.
    package var source: Source
    /// Why it is a limit, for people; may be empty.
    package var reason: String

    /// All fields as given.
    package init(value: Double, isUpper: Bool = true, source: Source, reason: String = "") {
        self.value = value
        self.isUpper = isUpper
        self.source = source
        self.reason = reason
    }
}
