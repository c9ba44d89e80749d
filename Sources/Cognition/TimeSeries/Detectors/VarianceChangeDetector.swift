#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A series that becomes noisier or calmer while its level stays.
///
/// The logarithm of the mean squared difference of the last 20 samples against that of the last 1,000, in its own
/// running spread; the logarithm is nearly normal and its spread does not depend on the variance (Bartlett and Kendall
/// 1946). Differences count as at most 4 typical ones, so that no single step is a change of variance. Warms up for 128
/// samples. State: 17 words.
package struct VarianceChangeDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "variance-change"
    private static let short = 20.0
    private static let long = 1_000.0
    private static let warmUp = 128.0
    private static let bound = 4.0

    private var last = 0.0
    private var newest = 0.0
    private var usual = 0.0
    private var count = 0.0
    private var typical = 0.0
    private var spread = RunningScale(window: 500)
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
        defer { last = value }
        count = min(count + 1, 1e9)
        guard count > 1 else { return 0 }
        let difference = value - last
        let limit = count > Self.warmUp / 2 && usual > 0 ? Self.bound * Self.bound * usual : .greatestFiniteMagnitude
        let square = min(limit, difference * difference)
        if count <= Self.long {
            newest += (square - newest) / min(count - 1, Self.short)
            usual += (square - usual) / (count - 1)
        } else {
            newest += (square - newest) * (1 / Self.short)
            usual += (square - usual) * (1 / Self.long)
        }
        guard count > Self.warmUp / 2, newest > 0, usual > 0 else { return 0 }
        let ratio = log(newest / usual)
        let residual = ratio - typical
        let deviation = spread.deviation(residual)
        spread.update(residual)
        let known = count - Self.warmUp / 2
        typical += known < Self.long ? residual / known : residual * (1 / Self.long)
        return count > Self.warmUp ? Statistics.score(deviation: abs(deviation)) : 0
    }
}
