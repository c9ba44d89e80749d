/// The probability that the series has changed its mean or variance within the last samples, by Bayesian online
/// change-point detection.
///
/// Values are standardised by the recent level; a change every 500 samples is expected, and those of the last ten are
/// looked at. The score is what the posterior has above its own usual value. Warms up for 64 samples. State: at most
/// 10 KiB.
package struct ChangePointDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "change-point"
    private static let capacity = 150
    private static let newest = 10
    private static let warmUp = 64.0

    private var posterior = RunLengthPosterior(hazard: 1.0 / 500, capacity: capacity)
    private var scale = RunningScale(window: 1_000)
    private var center = 0.0
    private var last = 0.0
    private var count = 0.0
    private var level = RecentLevel()

    /// A detector that has seen nothing.
    package init() {}

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        let score = scored(sample.value)
        return level.judge(sample.value, score: score)
    }

    private mutating func scored(_ value: Double) -> Double {
        count = min(count + 1, 1e9)
        defer { last = value }
        if count == 1 { center = value }
        if count > 1 { scale.update((value - last) / 2.0.squareRoot()) }
        guard count > 16, scale.value > 0 else {
            center += (value - center) / count
            return 0
        }
        posterior.update(max(-8, min(8, (value - center) / scale.value)))
        guard count > Self.warmUp else { return 0 }
        let changed = posterior.probabilities.dropFirst().prefix(Self.newest).reduce(0, +)
        // Nearly sure is as rare as 4.5 standard deviations are.
        return Statistics.score(deviation: 4.5 * max(0, min(1, changed)) / 0.9)
    }
}
