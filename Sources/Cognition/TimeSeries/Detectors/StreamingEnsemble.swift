#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The default for scores that mean the same on every series: what it has never shown before, measured in its range, and
/// what comes very seldom, measured by the tail of its own residuals.
///
/// Novelty (`RangeNovelty`) is looked at in the value, in its residuals against a `ReferencePool` and against the
/// typical day, and in its step; two of the four have to agree. The mean residual of the last hours sees what departs
/// slowly. The tails (`TailCalibration`) of the residual and of the step see what is small against the range but large
/// against the noise. A `NotificationPolicy` lets one sample of an event through: its score is 0.7 or more. All other
/// scores stay below it, in the order of the evidence, and fade over half a day. Warms up for 100 samples. State: about
/// 570 words (4.6 KiB).
package struct StreamingEnsemble: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "ensemble"

    private static let warmUp = Composition.warmUp
    private static let threshold = 0.7
    private static let hour: Int64 = 3_600_000
    /// Share of the range from which a novelty counts; of the mean residual of the last hours.
    private static let novelShare = 0.063
    private static let driftShare = 0.035
    /// Decades of evidence that a novelty ten times as large is.
    private static let noveltyDecades = 3.0
    /// Decades of days between two samples as rare, from which rarity counts.
    private static let rareDecades = 0.5
    /// Evidence of novelty below which rarity does not count: the noise of a series that hardly moves.
    private static let leastNovelty = -2.4
    /// Milliseconds, and least samples, in which a score fades to 1/e.
    private static let fading = 12 * 3_600_000.0
    private static let fadingSamples = 6.0

    private var clock = SampleClock()
    private var lastValue = 0.0
    private var hourBegan: Int64 = 0
    private var references = ReferencePool()
    private var scale = RunningScale()
    private var stepScale = RunningScale()
    private var tail = TailCalibration()
    private var stepTail = TailCalibration()
    private var range = SeriesRange()
    private var values = RangeNovelty()
    private var residuals = RangeNovelty()
    private var dailies = RangeNovelty()
    private var steps = RangeNovelty()
    private var drifts = RangeNovelty()
    private var drift = 0.0
    private var policy = NotificationPolicy()
    private var memory = 0.0

    /// A detector that has seen nothing.
    package init() {}

    /// Bytes of the state, never more than these.
    package var stateBytes: Int { MemoryLayout<Self>.size + references.heapBytes }

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        let reading = read(sample)
        return Judgement(
            score: reading.score, expected: reading.expected, lower: reading.lower, upper: reading.upper)
    }

    /// Takes in the next sample.
    ///
    /// Unusable samples, and ones that are not newer than the last, score 0 and change nothing.
    package mutating func read(_ sample: Sample) -> EnsembleReading {
        let (time, value) = (sample.timestamp, sample.value)
        guard sample.isUsable, clock.advance(to: time) else { return EnsembleReading() }
        let prediction = references.predict(value, at: clock)
        guard clock.count > 1 else {
            begin(sample, prediction)
            return EnsembleReading(expected: value, lower: value, upper: value)
        }
        let expected = prediction.combined
        let residual = value - expected
        let reach = 3 * scale.value
        var reading = EnsembleReading(expected: expected, lower: expected - reach, upper: expected + reach)
        reading.ageDays = clock.ageDays
        let isNewHour = Double(time) - Double(hourBegan) >= Double(Self.hour)
        if isNewHour { hourBegan = time }
        reading.novelty = novelty(of: value, residual, prediction, isNewHour)
        let bound = clock.count > Self.warmUp / 2 && scale.value > 0 ? reach : .greatestFiniteMagnitude
        let rarity = rarity(residual: residual, step: value - lastValue, expected: expected)
        references.update(expected + max(-bound, min(bound, residual)), prediction, at: clock)
        lastValue = value
        memory *= exp(-clock.elapsed / max(Self.fading, Self.fadingSamples * clock.step))
        if clock.count > Self.warmUp { judge(&reading, rarity: rarity, at: time) }
        return reading
    }

    private mutating func begin(_ sample: Sample, _ prediction: ReferencePool.Prediction) {
        hourBegan = sample.timestamp
        lastValue = sample.value
        references.update(sample.value, prediction, at: clock)
        range.insert(sample.value)
        values.insert(sample.value, isNewHour: true)
    }

    private mutating func novelty(
        of value: Double, _ residual: Double, _ prediction: ReferencePool.Prediction, _ isNewHour: Bool
    ) -> EnsembleReading.Novelty {
        // Three hours, at least four samples.
        let samples = max(4, Double(SeasonalProfile.day) / 8 / clock.step)
        drift += (residual - drift) * 2 / (samples + 1)
        let width = range.width
        var novelty = EnsembleReading.Novelty()
        novelty.value = Self.share(&values, value, width, isNewHour)
        novelty.residual = Self.share(&residuals, residual, width, isNewHour)
        novelty.step = Self.share(&steps, value - lastValue, width, isNewHour)
        novelty.drift = Self.share(&drifts, drift, width, isNewHour)
        let daily = prediction.daily
        if daily == daily { novelty.daily = Self.share(&dailies, value - daily, width, isNewHour) }
        range.insert(value)
        return novelty
    }

    /// Distance from what was shown before as a share of the range; any distance of a series that never moved is 1.
    private static func share(
        _ shown: inout RangeNovelty, _ value: Double, _ width: Double, _ isNewHour: Bool
    ) -> Double {
        let distance = shown.distance(value) ?? 0
        shown.insert(value, isNewHour: isNewHour)
        guard width > 0 else { return distance > 0 ? 1 : 0 }
        return min(3, distance / width)
    }

    /// Decades of days between two samples as rare, by the residual and by the step.
    private mutating func rarity(residual: Double, step change: Double, expected: Double) -> Double {
        // Below a ten-thousandth of the value nothing is noise.
        let floor = 1e-4 * abs(expected)
        let magnitude = scale.magnitude(residual, floor: floor)
        let stepMagnitude = stepScale.magnitude(change, floor: floor)
        guard clock.count > 30 else { return -Double.infinity }
        let logarithm = magnitude > 0 ? tail.update(magnitude, logPerDay: clock.logPerDay) : 0
        let stepLogarithm = stepMagnitude > 0 ? stepTail.update(stepMagnitude, logPerDay: clock.logPerDay) : 0
        return -(min(logarithm, stepLogarithm) + clock.logPerDay) / 2.302585092994046
    }

    private mutating func judge(_ reading: inout EnsembleReading, rarity: Double, at time: Int64) {
        let novel =
            Self.noveltyDecades
            * max(
                log10(max(reading.novelty.agreed, 1e-4) / Self.novelShare),
                log10(max(reading.novelty.drift, 1e-4) / Self.driftShare))
        let evidence = novel >= Self.leastNovelty ? max(novel, rarity - Self.rareDecades) : novel
        reading.evidence = max(-EnsembleReading.unsuspicious, evidence)
        reading.rarityDays = exp(min(300, max(-300, rarity)) * 2.302585092994046)
        // In order below the threshold: novelty from half a decade below it, rarity from a hundredth of a day.
        let novelScore = max(0, 1 - exp2(-1.737 * (novel / 1.5 + 1)))
        let rareScore = max(0, 1 - exp2(-1.737 * (rarity + 2) / 2.75))
        let score = (Self.threshold - 0.001) * (0.7 * novelScore + 0.3 * rareScore)
        memory = max(memory, evidence >= 0 ? max(score, 0.6) : score)
        reading.score = memory
        guard policy.admits(evidence: evidence, at: time, step: clock.step) else { return }
        reading.score = min(1, Self.threshold + (1 - Self.threshold) * (1 - exp2(-evidence)))
    }
}
