#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The normal behaviour of a series: a robust level by time of day or week, and the spread around it.
///
/// Location and scale are medians and median absolute deviations (Rousseeuw and Croux 1993), so that faults in the
/// history hardly count. A season is used when it explains days it was not learned from (leave-one-day-out). The edges
/// of the band are wider than three scales where the tail of the residuals is heavier than a normal one's. Learned from
/// points of any distance; asked at any instant. State: at most 336 + 24 doubles, about 3 KiB.
package struct Baseline: Sendable, Equatable, Codable {
    /// Fewer usable points are no history.
    package static let minimumPoints = 24

    /// Points it was learned from.
    package internal(set) var points: Int
    /// Days between the first and the last of them.
    package internal(set) var spanDays: Double
    /// In [0,1]: 1 from ``BaselineConfiguration/fullConfidenceDays`` of covered time on, less for less.
    package internal(set) var confidence: Double
    /// How the series repeats itself.
    package internal(set) var season: Season
    /// Why this season was chosen, one sentence with numbers.
    package internal(set) var seasonReason: String
    /// Share by which the season shrinks the residuals of days it has not seen, in [0,1].
    package internal(set) var seasonStrength: Double
    /// First point, Unix milliseconds.
    package internal(set) var learnedFrom: Int64
    /// Last point, Unix milliseconds.
    package internal(set) var learnedTo: Int64

    var configuration: BaselineConfiguration
    var level: SeasonalProfile
    /// Mean of `level` over its period.
    var meanLevel: Double
    /// Robust scale by time of day.
    var spread: SeasonalProfile
    /// Robust scale of all residuals.
    var scale: Double
    /// Factors, at least 1, by which the edges of the band are farther than three scales.
    var tailBelow: Double
    var tailAbove: Double
    /// What ``update(_:)`` has added to the level, at most one scale.
    var drift: Double = 0
    var lastUpdate: Int64?

    /// Learns from history.
    ///
    /// Order does not matter; of samples with the same timestamp the last one in the array counts; unusable samples are
    /// skipped, and so are those older than 92 days before the newest.
    ///
    /// - Throws: `BaselineError` when the history is too short.
    package static func learn(
        from samples: [Sample], configuration: BaselineConfiguration = .init()
    ) throws(BaselineError) -> Baseline {
        try BaselineFit.learn(samples, configuration)
    }

    /// What is normal at an instant.
    package func band(at timestamp: Int64) -> Band {
        let expected = level.value(at: timestamp) + drift
        let floor = max(configuration.absoluteScaleFloor, configuration.relativeScaleFloor * abs(expected))
        let scale = max(spread.value(at: timestamp), floor)
        return Band(
            expected: expected, lower: expected - 3 * scale * tailBelow, upper: expected + 3 * scale * tailAbove,
            scale: scale)
    }

    /// Seasonal part at an instant: location relative to the mean location over the period; 0 without a season.
    package func seasonal(at timestamp: Int64) -> Double { level.value(at: timestamp) - meanLevel }

    /// Follows slow changes of the level, with a time constant of a day and by at most one scale altogether.
    ///
    /// The pace depends on the time that passed, not on the number of samples; samples outside the band, unusable ones
    /// and ones that are not newer than the last do not count.
    package mutating func update(_ sample: Sample) {
        guard sample.isUsable else { return }
        guard let last = lastUpdate else {
            lastUpdate = sample.timestamp
            return
        }
        guard sample.timestamp > last else { return }
        lastUpdate = sample.timestamp
        let band = band(at: sample.timestamp)
        guard sample.value >= band.lower, sample.value <= band.upper else { return }
        // After a gap a single sample must not count for all the time that is missing.
        let elapsed = min(Double(sample.timestamp) - Double(last), 600_000)
        let weight = -expm1(-elapsed / Double(SeasonalProfile.day))
        drift = max(-scale, min(scale, drift + weight * (sample.value - band.expected)))
    }
}
