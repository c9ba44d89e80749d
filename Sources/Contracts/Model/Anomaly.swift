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
    /// Members whose score has reached the threshold since `started`, in the order in which they did.
    package var seenBy: [String]
    /// Days in which a departure as large as the largest since `started` comes once; 0 where that is not known.
    package var rarityDays: Double
    /// Score from which samples of this series are unusual, in [0,1].
    package var threshold: Double
    /// Largest score since `started`, in [0,1].
    package var peakScore: Double

    package init(
        id: String, series: SeriesID, entity: Entity, unit: String, status: Status, started: Timestamp,
        detected: Timestamp, updated: Timestamp, ended: Timestamp?, value: Double, expected: Double, lower: Double,
        upper: Double, relativeDeviation: Double, score: Double, members: [String: Double], severity: Severity,
        forecast: Breach?, window: [SamplePoint], baselineConfidence: Double, seenBy: [String] = [],
        rarityDays: Double = 0, threshold: Double = 0.7, peakScore: Double? = nil
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
        self.seenBy = seenBy
        self.rarityDays = rarityDays
        self.threshold = threshold
        self.peakScore = peakScore ?? score
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
    /// Where the limit is known from.
    package var source: LimitSource
    /// Why it is a limit, for people; may be empty.
    package var reason: String

    package init(
        limit: Double, p10: Double?, p50: Double?, p90: Double?, probability: Double, horizon: Double,
        slopePerHour: Double, breached: Bool, source: LimitSource = .declared, reason: String = ""
    ) {
        self.limit = limit
        self.p10 = p10
        self.p50 = p50
        self.p90 = p90
        self.probability = probability
        self.horizon = horizon
        self.slopePerHour = slopePerHour
        self.breached = breached
        self.source = source
        self.reason = reason
    }
}

/// Where a limit is known from.
package enum LimitSource: String, Sendable, CaseIterable {
    /// The metrics map.
    case declared
    /// A metric beside this one that holds its capacity.
    case companion
    /// An alerting rule of the metrics source.
    case alertRule = "alert-rule"
    /// The level at which the series has saturated before.
    case learned
}
