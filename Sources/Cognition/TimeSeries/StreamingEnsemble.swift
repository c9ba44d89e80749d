#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The default for scores that mean the same on every series: how seldom so large a surprise comes, by the series' own
/// past.
///
/// The residual against a ``ReferencePool`` is scaled by the usual noise, also by that of the hour of the day, alone
/// and smoothed over a few samples; a ``TailCalibration`` turns either into a probability, and that into the number
/// expected in a day. Surprises that recur are expected as often as they came (``EpisodeMemory``), and shortly after an
/// alarm another one needs more evidence (``AlarmHold``). A learned baseline, where there is one, is a further witness:
/// the deviation from its band is calibrated in the same way and counts for about a third. The score is 0.7 where a
/// surprise is expected once in five to six days, and fades after it, below 0.7, for half a day. Warms up for 100
/// samples. State: at most 640 words (5 KiB) without the baseline.
package struct StreamingEnsemble: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "ensemble"

    private static let warmUp = 100
    private static let threshold = 0.7
    /// Decades of probability, per day, at which the score is the threshold, and at which it is 0.
    private static let unusual = 0.75
    private static let usual = -2.0
    private static let window = 1_000.0
    /// What the baseline counts for, in [0,1].
    private static let baselineShare = 0.35

    private var first: Int64?
    private var last: Int64 = 0
    private var count = 0
    /// Usual distance of samples, milliseconds.
    private var step = 60_000.0
    private var references = ReferencePool()
    private var scale = RunningScale(window: window)
    private var noiseByHour = SeasonTable(period: SeasonalProfile.day, buckets: 24, rate: 0.15)
    private var smooth = 0.0
    private var smoothScale = RunningScale(window: window)
    private var alone = SurpriseCalibration()
    private var together = SurpriseCalibration()
    private var againstBaseline = SurpriseCalibration()
    private var hold = AlarmHold()
    private var memory = 0.0

    /// A detector that has seen nothing.
    package init() {}

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Double { update(sample, baseline: nil) }

    /// Takes in the next sample and scores it, with the help of what was learned from history.
    ///
    /// - Parameters:
    ///   - sample: unusable ones, and ones that are not newer than the last, score 0 and change nothing.
    ///   - baseline: what is normal, learned from samples before this one; `nil` as long as there is none.
    /// - Returns: the score, in [0,1].
    package mutating func update(_ sample: Sample, baseline: Baseline?) -> Double {
        guard sample.isUsable else { return 0 }
        let (time, value) = (sample.timestamp, sample.value)
        guard let first else {
            self.first = time
            last = time
            count = 1
            references.update(value, at: time, age: 0, step: step)
            return 0
        }
        guard time > last else { return 0 }
        let elapsed = min(Double(time) - Double(last), Double(SeasonalProfile.day))
        let age = (Double(time) - Double(first)) / Double(SeasonalProfile.day)
        last = time
        count = min(count + 1, 1 << 40)
        follow(elapsed)
        let expected = references.predict(value, at: time, age: age)
        let residual = value - expected
        let deviation = deviation(of: residual, expected: expected, at: time)
        let bound = count > Self.warmUp / 2 && scale.value > 0 ? 3 * scale.value : .greatestFiniteMagnitude
        let distance = baseline.map { $0.band(at: time).deviation(of: value) }
        let decades = decades(of: deviation, distance, at: time, age: age)
        scale.update(residual)
        references.update(expected + max(-bound, min(bound, residual)), at: time, age: age, step: step)
        return count > Self.warmUp ? score(decades, at: time, elapsed: elapsed) : 0
    }

    private mutating func follow(_ elapsed: Double) {
        guard count > 2 else {
            step = max(1_000, elapsed)
            return
        }
        step = max(1_000, step + max(-0.5, min(0.5, elapsed / step - 1)) * step / min(Double(count), 50))
    }

    /// The residual in standard deviations, partly of its hour; below a ten-thousandth of the value nothing is noise.
    private mutating func deviation(of residual: Double, expected: Double, at time: Int64) -> Double {
        let noise = max(scale.value, 1e-4 * abs(expected))
        let plain = noise > 0 ? residual / noise : 0
        let factor = noiseByHour.value(at: time).map { 0.7 + 0.3 * max(0.2, $0) } ?? 1
        if count > Self.warmUp / 2 {
            let perHour = Double(SeasonalProfile.day) / 24 / step
            noiseByHour.update(1.2533 * min(4, abs(plain)), at: time, perBucket: perHour)
        }
        return plain / factor
    }

    /// How seldom a deviation is: the negative decimal logarithm of the number expected in a day.
    private mutating func decades(of deviation: Double, _ distance: Double?, at time: Int64, age: Double) -> Double {
        smooth += 0.2 * (max(-6, min(6, deviation)) - smooth)
        let smoothed = abs(smoothScale.deviation(smooth))
        smoothScale.update(smooth)
        let perDay = Double(SeasonalProfile.day) / step
        let alone = alone.decades(of: abs(deviation), at: time, perDay: perDay, age: age)
        let together = together.decades(of: smoothed, at: time, perDay: perDay, age: age)
        let own = alone.raw >= together.raw ? alone.bounded : together.bounded
        guard let distance else { return own }
        let learned = againstBaseline.decades(of: abs(distance), at: time, perDay: perDay, age: age).bounded
        return own * (1 - Self.baselineShare) + learned * Self.baselineShare
    }

    private mutating func score(_ decades: Double, at time: Int64, elapsed: Double) -> Double {
        let share = (decades - Self.usual) / (Self.unusual - Self.usual)
        let score = share > 0 ? 1 - pow(1 - Self.threshold, share) : 0
        memory = max(score, memory * exp(-elapsed / min(12 * 3_600_000, 144 * step)))
        if score >= Self.threshold, hold.admits(surplus: decades - Self.unusual, at: time, step: step) {
            return score
        }
        return min(Self.threshold - 0.01, max(score, memory))
    }
}
