import Diagnosis
import Model
import TimeSeries

/// What is kept of one series between two observations.
struct SeriesState: Sendable, Equatable, Codable {
    /// Samples kept for trend and picture.
    static let window = 120

    /// `nil` until a baseline is learned.
    var detector: EnsembleDetector?
    var recent: [Sample] = []
    var last: Detection?
    /// Sample time at which the open anomaly was confirmed and last told.
    var detected: Int64 = 0
    var told: Int64 = 0
    var toldSeverity = ""

    /// Takes in a sample; `nil` for one that is not newer than the last, or while there is no baseline.
    mutating func take(_ sample: Sample) -> Detection? {
        if let newest = recent.last, newest.timestamp >= sample.timestamp { return nil }
        recent.append(sample)
        if recent.count > Self.window { recent.removeFirst(recent.count - Self.window) }
        guard var detector else { return nil }
        let detection = detector.update(sample)
        self.detector = detector
        last = detection
        return detection
    }
}

/// How bad an anomaly is: by what it threatens first, by how unusual it is second.
enum SeverityRule {
    static func severity(score: Double, forecast: Breach?) -> Severity {
        if let forecast {
            if forecast.breached { return .critical }
            if forecast.probability >= 0.5, let p50 = forecast.p50 { return p50 <= 3_600 ? .critical : .high }
        }
        return score >= 0.99 ? .high : score >= 0.85 ? .medium : .low
    }
}
