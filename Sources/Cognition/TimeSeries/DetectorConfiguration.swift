/// When a series counts as anomalous.
package struct DetectorConfiguration: Sendable, Equatable, Codable {
    /// Combined score from which a sample is unusual, in (0,1]; default 0.7.
    package var threshold: Double
    /// Which side of the band is bad; default both.
    package var direction: AlarmDirection
    /// Departures from the expected value below this are never unusual, in the unit of the series; default 0.
    package var minimumDeviation: Double
    /// Departures below this share of the expected value are never unusual; default 0.05.
    package var minimumRelativeDeviation: Double
    /// Unusual samples in a row that open an anomaly, at least 1; default 3.
    package var consecutive: Int
    /// Samples in a row below `clearLevel` that close it, at least 1; default 5.
    package var clearAfter: Int
    /// Combined score below which a sample is normal again, at most `threshold`; default half of it.
    package var clearLevel: Double
    /// Milliseconds without an unusual sample that it takes besides, so that a flapping series stays one anomaly; at
    /// least 0, default 60,000.
    package var coolDownMilliseconds: Int64
    /// Milliseconds after its last unusual sample in which an anomaly that begins again is the same one, and nobody is told
    /// again; at least 0, default 1,800,000.
    package var flappingMilliseconds: Int64
    /// What the series is watched with, without repetitions; default ``Algorithm/standard``.
    package var algorithms: [Algorithm]

    /// Values that are not finite or out of range are replaced by the nearest or default ones.
    package init(
        threshold: Double = 0.7, direction: AlarmDirection = .both, minimumDeviation: Double = 0,
        minimumRelativeDeviation: Double = 0.05, consecutive: Int = 3, clearAfter: Int = 5, clearLevel: Double? = nil,
        coolDownMilliseconds: Int64 = 60_000, flappingMilliseconds: Int64 = 1_800_000,
        algorithms: [Algorithm] = Algorithm.standard
    ) {
        let threshold = threshold.isFinite ? min(1, max(0.01, threshold)) : 0.7
        let level = clearLevel ?? threshold / 2
        self.threshold = threshold
        self.direction = direction
        self.minimumDeviation = minimumDeviation.isFinite ? max(0, minimumDeviation) : 0
        self.minimumRelativeDeviation = minimumRelativeDeviation.isFinite ? max(0, minimumRelativeDeviation) : 0.05
        self.consecutive = max(1, consecutive)
        self.clearAfter = max(1, clearAfter)
        self.coolDownMilliseconds = max(0, coolDownMilliseconds)
        self.flappingMilliseconds = max(0, flappingMilliseconds)
        var chosen: [Algorithm] = []
        for algorithm in algorithms where !chosen.contains(algorithm) { chosen.append(algorithm) }
        self.algorithms = chosen.isEmpty ? Algorithm.standard : chosen
        self.clearLevel = level.isFinite ? min(threshold, max(0.001, level)) : threshold / 2
    }
}
