/// A lasting change of the mean by the Page-Hinkley test on standardised values.
///
/// Values are divided by the running spread of their differences over √2 and bounded to four of it. After a change the
/// test begins anew. The statistic's tail is taken to be exponential with the rate of twice the tolerance (Siegmund
/// 1985, chapter 2). Warms up for 64 samples. State: 17 words.
package struct PageHinkleyDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "page-hinkley"
    private static let warmUp = 64.0
    private static let tolerance = 0.5
    private static let alarm = 0.7

    private var test = PageHinkley(tolerance: tolerance, keeping: 1)
    private var scale = RunningScale(window: 1_000)
    private var last = 0.0
    private var center = 0.0
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
        guard count > 1 else {
            center = value
            return 0
        }
        scale.update((value - last) / 2.0.squareRoot())
        guard count > 16, scale.value > 0 else {
            center += (value - center) / count
            return 0
        }
        let statistic = test.update(max(-4, min(4, (value - center) / scale.value)))
        guard test.count > Self.warmUp else { return 0 }
        let score = Statistics.score(logarithm: -2 * Self.tolerance * statistic)
        if score >= Self.alarm {
            test = PageHinkley(tolerance: Self.tolerance, keeping: 1)
            center = value
        }
        return score
    }
}
