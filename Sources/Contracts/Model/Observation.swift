/// Which side of the expected band is bad.
package enum Direction: String, Sendable, CaseIterable {
    case above, below, both
}

/// One measured point.
package struct SamplePoint: Sendable, Hashable {
    /// When it was measured.
    package var time: Timestamp
    /// Value in the unit of its metric; finite.
    package var value: Double

    package init(time: Timestamp, value: Double) {
        self.time = time
        self.value = value
    }
}

/// A window of samples of one metric, all series of one partition.
package struct Observation: Sendable, Equatable {
    /// Metric name from the metrics map.
    package var metric: String
    /// Unit of the values, such as `bytes`.
    package var unit: String
    /// Side on which a departure is bad.
    package var direction: Direction
    /// Declared limit in the unit of the metric.
    package var limit: Double?
    /// First instant of the window, inclusive.
    package var from: Timestamp
    /// Last instant of the window, inclusive.
    package var to: Timestamp
    /// Distance of two samples in milliseconds, at least 1.
    package var stepMilliseconds: Int64
    /// Series of the window, sorted by identity.
    package var series: [ObservedSeries]
    /// Warnings of the source about this window, such as partial data.
    package var warnings: [String]

    package init(
        metric: String, unit: String, direction: Direction, limit: Double?, from: Timestamp, to: Timestamp,
        stepMilliseconds: Int64, series: [ObservedSeries], warnings: [String] = []
    ) {
        self.metric = metric
        self.unit = unit
        self.direction = direction
        self.limit = limit
        self.from = from
        self.to = to
        self.stepMilliseconds = stepMilliseconds
        self.series = series
        self.warnings = warnings
    }
}

/// The samples of one series in a window.
package struct ObservedSeries: Sendable, Equatable {
    /// Identity of the series.
    package var id: SeriesID
    /// Workload that the series is about.
    package var entity: Entity
    /// Samples, ascending in time, finite values.
    package var samples: [SamplePoint]
    /// Points of the window that were NaN, infinite or missing.
    package var missing: Int

    package init(id: SeriesID, entity: Entity, samples: [SamplePoint], missing: Int = 0) {
        self.id = id
        self.entity = entity
        self.samples = samples
        self.missing = missing
    }
}
