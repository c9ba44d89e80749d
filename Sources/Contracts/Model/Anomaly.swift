/// One departure of a series from its normal behaviour.
package struct Anomaly: Sendable, Equatable {
    /// Whether the departure goes on.
    package enum Status: String, Sendable {
        case open = "OPEN"
        case closed = "CLOSED"
    }

    /// Derived from series and start, so that a repeated computation gives the same id.
    package var id: String
    /// The series that departed.
    package var series: SeriesID
    /// Workload that the series is about.
    package var entity: Entity
    /// Unit of `value`, `expected`, `lower` and `upper`.
    package var unit: String
    /// Whether the departure goes on.
    package var status: Status
    /// First unusual sample.
    package var started: Timestamp
    /// Sample that confirmed the departure.
    package var detected: Timestamp
    /// Newest sample.
    package var updated: Timestamp
    /// End of the departure; `nil` while open.
    package var ended: Timestamp?
    /// Newest value.
    package var value: Double
    /// Value that the baseline expects at `updated`.
    package var expected: Double
    /// Lower edge of the expected band.
    package var lower: Double
    /// Upper edge of the expected band.
    package var upper: Double
    /// `(value - expected) / |expected|`, such as 0.5 for +50 %.
    package var relativeDeviation: Double
    /// Score in [0,1].
    package var score: Double
    /// Score of each detector by name, in [0,1].
    package var members: [String: Double]
    /// How bad it is.
    package var severity: Severity
    /// When the declared limit will be reached, where there is one.
    package var forecast: Breach?
    /// Newest samples, at most 120.
    package var window: [SamplePoint]
    /// In [0,1]; below 1 when the baseline was learned from less than seven days.
    package var baselineConfidence: Double

    package init(
        id: String, series: SeriesID, entity: Entity, unit: String, status: Status, started: Timestamp,
        detected: Timestamp, updated: Timestamp, ended: Timestamp?, value: Double, expected: Double, lower: Double,
        upper: Double, relativeDeviation: Double, score: Double, members: [String: Double], severity: Severity,
        forecast: Breach?, window: [SamplePoint], baselineConfidence: Double
    ) {
        self.id = id
        self.series = series
        self.entity = entity
        self.unit = unit
        self.status = status
        self.started = started
        self.detected = detected
        self.updated = updated
        self.ended = ended
        self.value = value
        self.expected = expected
        self.lower = lower
        self.upper = upper
        self.relativeDeviation = relativeDeviation
        self.score = score
        self.members = members
        self.severity = severity
        self.forecast = forecast
        self.window = window
        self.baselineConfidence = baselineConfidence
    }
}

/// When a limit will be reached, as a distribution.
package struct Breach: Sendable, Equatable {
    /// The limit in the unit of the series.
    package var limit: Double
    /// Seconds until the limit is reached at the 10th percentile; `nil` beyond the horizon.
    package var p10: Double?
    /// Seconds at the median.
    package var p50: Double?
    /// Seconds at the 90th percentile.
    package var p90: Double?
    /// Probability of a breach within the horizon, in [0,1].
    package var probability: Double
    /// Horizon in seconds.
    package var horizon: Double
    /// Robust trend in units per hour.
    package var slopePerHour: Double
    /// The limit is exceeded already.
    package var breached: Bool

    package init(
        limit: Double, p10: Double?, p50: Double?, p90: Double?, probability: Double, horizon: Double,
        slopePerHour: Double, breached: Bool
    ) {
        self.limit = limit
        self.p10 = p10
        self.p50 = p50
        self.p90 = p90
        self.probability = probability
        self.horizon = horizon
        self.slopePerHour = slopePerHour
        self.breached = breached
    }
}
