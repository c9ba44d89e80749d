import Diagnosis
import Model
import TimeSeries

/// What is kept of one series between two observations.
struct SeriesState: Sendable, Equatable, Codable {
    /// Samples kept for trend and picture.
    static let window = 120

    /// `nil` until a baseline is learned.
    var detector: EnsembleDetector?
    /// Algorithms that were chosen for the series when its baseline was learned.
    var algorithms: [Algorithm]?
    /// Limit that is known from elsewhere than the metrics map.
    var foundLimit: SeriesLimit?
    /// Of a series with a limit.
    var watch: BreachWatch?
    var recent: [Sample] = []
    var last: Detection?
    /// Sample time at which the open anomaly was confirmed and last told.
    var detected: Int64 = 0
    var told: Int64 = 0
    var toldSeverity: String?
    /// Members over the threshold since the first unusual sample, and the largest score and rarity since then.
    var seenBy: [String] = []
    var peakScore = 0.0
    var rarityDays = 0.0

    /// Takes in a sample; `nil` for one that is not newer than the last, or while there is no baseline.
    mutating func take(
        _ sample: Sample, limit: SeriesLimit?, forecast: BreachForecastConfiguration
    ) -> Detection? {
        if let newest = recent.last, newest.timestamp >= sample.timestamp { return nil }
        recent.append(sample)
        if recent.count > Self.window { recent.removeFirst(recent.count - Self.window) }
        if let limit {
            if watch == nil { watch = BreachWatch() }
            watch?.update(sample, limit: limit, baseline: detector?.baseline, configuration: forecast)
        } else {
            watch = nil
        }
        // In its place: a copy would take the state's arrays along.
        guard let threshold = detector?.threshold, let detection = detector?.update(sample, watch: watch) else {
            return nil
        }
        last = detection
        remember(detection, threshold: threshold)
        return detection
    }

    /// Keeps who saw the anomaly and how unusual it is, from its first unusual sample on.
    private mutating func remember(_ detection: Detection, threshold: Double) {
        if detection.score >= threshold {
            for member in detection.members where member.score >= threshold && !seenBy.contains(member.name) {
                seenBy.append(member.name)
            }
            peakScore = max(peakScore, detection.score)
            rarityDays = max(rarityDays, detection.rarityDays)
        } else if detection.transition == .none {
            seenBy = []
            peakScore = 0
            rarityDays = 0
        }
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
