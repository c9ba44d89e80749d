import Model
import TimeSeries

/// What was learned of a series, as it is stored.
package struct BaselineRecord: Codable, Sendable, Equatable {
    /// Metric of the series.
    package var metric: String
    /// Labels of the series.
    package var labels: [String: String]
    /// When it was learned, Unix milliseconds.
    package var learnedAt: Int64
    /// What was learned.
    package var learned: LearnedSeries

    package init(_ id: SeriesID, learnedAt: Timestamp, learned: LearnedSeries) {
        metric = id.metric
        labels = id.labels
        self.learnedAt = learnedAt.rawValue
        self.learned = learned
    }

    /// The series.
    package var id: SeriesID { SeriesID(metric: metric, labels: labels) }
}

/// The threshold of a series that people have moved, as it is stored.
package struct CalibrationRecord: Codable, Sendable, Equatable {
    /// Metric of the series.
    package var metric: String
    /// Labels of the series.
    package var labels: [String: String]
    /// What people said of it.
    package var calibration: ThresholdFeedback

    package init(_ id: SeriesID, _ calibration: ThresholdFeedback) {
        metric = id.metric
        labels = id.labels
        self.calibration = calibration
    }

    /// The series.
    package var id: SeriesID { SeriesID(metric: metric, labels: labels) }
}
