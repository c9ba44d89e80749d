import Foundation
import Model
import TimeSeries

/// What was learned of a series, as it is stored: who and when as JSON, and the state as a versioned snapshot.
package struct BaselineRecord: Codable, Sendable, Equatable {
    private static let kind = "learned-series"
    private static let version = 1

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

    private enum CodingKeys: String, CodingKey {
        case metric, labels, learnedAt, summary, state
    }

    /// - Throws: `SnapshotError` for a state of another version, or one that is damaged.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        metric = try container.decode(String.self, forKey: .metric)
        labels = try container.decode([String: String].self, forKey: .labels)
        learnedAt = try container.decode(Int64.self, forKey: .learnedAt)
        let state = try container.decode(Data.self, forKey: .state)
        learned = try Snapshot.state(from: Array(state), kind: Self.kind, version: Self.version)
    }

    /// With a summary for people, which is not read back.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(metric, forKey: .metric)
        try container.encode(labels, forKey: .labels)
        try container.encode(learnedAt, forKey: .learnedAt)
        try container.encode(learned.baseline.summary, forKey: .summary)
        let state = try Snapshot.bytes(of: learned, kind: Self.kind, version: Self.version)
        try container.encode(Data(state), forKey: .state)
    }
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
