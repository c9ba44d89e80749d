import Model

/// How a series stands right now, whether it is anomalous or not.
package struct SeriesContext: Sendable, Equatable {
    /// The series.
    package var series: SeriesID
    /// Workload that it is about.
    package var entity: Entity
    /// What it measures.
    package var role: SignalRole
    /// Newest value.
    package var value: Double
    /// Value that the baseline expects.
    package var expected: Double
    /// `(value - expected) / |expected|`.
    package var relativeDeviation: Double
    /// Score in [0,1].
    package var score: Double

    package init(
        series: SeriesID, entity: Entity, role: SignalRole, value: Double, expected: Double,
        relativeDeviation: Double, score: Double
    ) {
        self.series = series
        self.entity = entity
        self.role = role
        self.value = value
        self.expected = expected
        self.relativeDeviation = relativeDeviation
        self.score = score
    }
}
