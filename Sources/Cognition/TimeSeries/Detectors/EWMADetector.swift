/// Distance from an exponentially weighted moving average (Roberts 1959, "Control chart tests based on geometric moving
/// averages") in robust standard deviations of that distance.
///
/// Reacts to spikes and jumps, and follows a new level within about 50 samples. Warms up for 32 samples. State: 6
/// words.
package struct EWMADetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "ewma"
    private static let warmUp = 32
    private static let window = 50.0

    private var level = 0.0
    private var count = 0
    private var scale = RunningScale(window: 500)

    /// A detector that has seen nothing.
    package init() {}

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        count = min(count + 1, 1 << 40)
        guard count > 1 else {
            level = sample.value
            return Judgement(score: 0, expected: level, scale: 0)
        }
        let judged = Judgement(score: 0, expected: level, scale: scale.value)
        let residual = sample.value - level
        let deviation = scale.deviation(residual)
        scale.update(residual)
        // A single outlier moves the level by at most three standard deviations' worth.
        let bound = count > Self.warmUp && scale.value > 0 ? 3 * scale.value : .greatestFiniteMagnitude
        level += max(-bound, min(bound, residual)) / min(Double(count), Self.window)
        guard count > Self.warmUp else { return judged }
        return Judgement(
            score: Statistics.score(deviation: deviation), expected: judged.expected, lower: judged.lower,
            upper: judged.upper)
    }
}
