/// A lasting change of level, also one that is small against the noise.
///
/// Two-sided CUSUM (Page 1954, "Continuous inspection schemes") of deviations from a slow median-like level, with the
/// allowance of half a standard deviation; each deviation counts as at most 4, so that no single spike is a shift. The
/// sum's tail is exponential with rate 1 (Siegmund 1985, chapter 2), which gives the score. The deviations are divided
/// by the long-run noise: a noise with memory has fewer independent samples. State: 11 words.
package struct LevelShiftDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "level-shift"
    private static let warmUp = 64
    private static let allowance = 0.5
    private static let window = 1_000.0

    private var level = 0.0
    private var count = 0
    private var scale = RunningScale(window: 1_000)
    private var above = 0.0
    private var below = 0.0
    private var lastDeviation = 0.0
    private var memory = 0.0

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
        var judgement = Judgement(score: 0, expected: level, scale: scale.value)
        let residual = sample.value - level
        let deviation = max(-4, min(4, scale.deviation(residual)))
        scale.update(residual)
        let bound = count > Self.warmUp && scale.value > 0 ? scale.value : .greatestFiniteMagnitude
        level += max(-bound, min(bound, residual)) / min(Double(count), Self.window)
        memory += (deviation * lastDeviation - memory) / min(Double(count), Self.window)
        lastDeviation = deviation
        guard count > Self.warmUp else { return judgement }
        // Long-run variance of a first-order autoregression against its plain one.
        let correlation = max(0, min(0.95, memory))
        let shrink = ((1 - correlation) / (1 + correlation)).squareRoot()
        above = min(60, max(0, above + deviation * shrink - Self.allowance))
        below = min(60, max(0, below - deviation * shrink - Self.allowance))
        judgement.score = Statistics.score(logarithm: -max(above, below))
        return judgement
    }
}
