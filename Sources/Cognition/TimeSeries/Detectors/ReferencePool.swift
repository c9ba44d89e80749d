/// What a series should be now by several references to its own past, combined by how well each has done.
///
/// References: the level of the last samples, the level of the last day, the typical day, and the typical day and week
/// each moved to the present level. A reference counts by the inverse cube of the scale of its residuals, so that the
/// best ones decide. State: about 470 words.
struct ReferencePool: Seasonality {
    /// What the references and their combination say about an instant.
    struct Prediction: ExpectedValue {
        /// By reference; `nan` of one that has not seen its period yet.
        var references = SIMD8<Double>(repeating: .nan)
        /// All together.
        var combined = 0.0
        /// By the typical day, moved to the present level; `nan` in the first day.
        var daily: Double { references[3] }
    }

    private static let dailyBuckets = 48
    private static let weeklyBuckets = 168
    private static let window = 1_000.0
    /// Residuals after which a reference's scale is known.
    private static let leastResiduals = 20.0
    /// Residuals are bounded to so many mean residuals, four standard deviations.
    private static let bound = 4 * 1.2533

    private var count = 0.0
    private var recent = 0.0
    private var slow = 0.0
    private var daily = SeasonTable(period: SeasonalProfile.day, buckets: dailyBuckets, rate: 0.3)
    private var weekly = SeasonTable(period: 7 * SeasonalProfile.day, buckets: weeklyBuckets, rate: 0.5)
    private var dailyOffset = 0.0
    private var weeklyOffset = 0.0
    /// Mean absolute residuals and their number, by reference.
    private var means = SIMD8<Double>(repeating: 0)
    private var counts = SIMD8<Double>(repeating: 0)

    /// Bytes beside the value itself.
    var heapBytes: Int { daily.heapBytes + weekly.heapBytes }

    /// The predictions for the clock's newest sample, made before its value is known, and the value put to the test.
    mutating func predict(_ value: Double, at clock: SampleClock) -> Prediction {
        let (timestamp, age) = (clock.now, clock.ageDays)
        var prediction = Prediction()
        guard count > 0 else {
            prediction.combined = value
            return prediction
        }
        prediction.references[0] = recent
        prediction.references[1] = slow
        if age >= 1, let day = daily.value(at: timestamp) {
            prediction.references[2] = day
            prediction.references[3] = day + dailyOffset
        }
        if age >= 7, let week = weekly.value(at: timestamp) { prediction.references[4] = week + weeklyOffset }
        let references = prediction.references
        let isThere = references .== references
        let isKnown = isThere .& (counts .> Self.leastResiduals)
        let known = means.replacing(with: .infinity, where: .!isKnown)
        let best = known.min()
        var shares = SIMD8<Double>(repeating: 1)
        if best < .infinity {
            shares = (best / known).replacing(with: 1, where: known .<= best)
            shares = shares.replacing(with: 0, where: .!isKnown)
        }
        let weights = (shares * shares * shares).replacing(with: 0, where: .!isThere)
        let total = weights.sum()
        let filled = references.replacing(with: 0, where: .!isThere)
        prediction.combined = total > 0 ? (weights * filled).sum() / total : recent
        learn(value, filled, isThere)
        return prediction
    }

    /// The scale of each reference, as ``RunningScale`` would estimate it.
    private mutating func learn(_ value: Double, _ references: SIMD8<Double>, _ isThere: SIMDMask<SIMD8<Int64>>) {
        let residual = SIMD8(repeating: value) - references
        let size = residual.replacing(with: -residual, where: residual .< 0)
        let isBounded = (counts .> 16) .& (means .> 0)
        let bounded = size.replacing(with: pointwiseMin(size, Self.bound * means), where: isBounded)
        let counted = pointwiseMin(counts + 1, SIMD8(repeating: 1e12))
        let pace = pointwiseMin(counted, SIMD8(repeating: Self.window))
        means.replace(with: means + (bounded - means) / pace, where: isThere)
        counts.replace(with: counted, where: isThere)
    }

    /// Takes in a value that is bounded, so that an anomaly does not become the reference.
    mutating func update(_ value: Double, _ prediction: Prediction, at clock: SampleClock) {
        let (timestamp, step) = (clock.now, clock.step)
        let perDay = max(1, Double(SeasonalProfile.day) / step)
        count = min(count + 1, 1e9)
        guard count > 1 else {
            recent = value
            slow = value
            daily.update(value, at: timestamp, perBucket: 1)
            weekly.update(value, at: timestamp, perBucket: 1)
            return
        }
        // Three hours, of 6 to 36 samples; a day; half a day, of at least 12 samples; a day, likewise.
        recent += (value - recent) / max(6, min(count, perDay / 8, 36))
        slow += (value - slow) / min(count, max(2, perDay))
        let day = prediction.references[3]
        if day == day { dailyOffset += (value - day) / max(12, min(count, perDay / 2)) }
        let week = prediction.references[4]
        if week == week { weeklyOffset += (value - week) / max(12, min(count, perDay)) }
        daily.update(value, at: timestamp, perBucket: perDay / Double(Self.dailyBuckets))
        weekly.update(value, at: timestamp, perBucket: perDay / 24)
    }
}
