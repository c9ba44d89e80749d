#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A detector put together from four parts: what is done to the samples, what they are expected to be, how large the
/// residuals are, and how seldom that is.
///
/// ```
/// sample ─▶ Preprocessing ─▶ Seasonality ─▶ ResidualMeasure ─▶ Calibration ─▶ score
///            rate, log        references      running scale      tail fit
/// ```
///
/// Each part is a value with a state of its own, deterministic and `Codable`, and knows nothing of the others.
/// ``StreamingEnsemble`` is put together from the same parts, several times, with novelty beside them. The score is that of
/// the probability (``StreamingDetector``). Warms up for 100 samples. State: that of the parts, and 8 words.
package struct ComposedDetector<
    First: Preprocessing, Season: Seasonality, Measure: ResidualMeasure, Tail: Calibration
>: StreamingDetector {
    /// Name in configurations and explanations: `seasonal-tail`, or the pre-processing and `-tail`.
    package static var name: String { First.name.isEmpty ? "seasonal-tail" : "\(First.name)-tail" }

    private var preprocessing: First
    private var clock = SampleClock()
    private var season = Season()
    private var measure = Measure()
    private var calibration = Tail()

    /// A detector that has seen nothing.
    package init(preprocessing: First) { self.preprocessing = preprocessing }

    /// Takes in the next sample and scores it, in [0,1]; the band is that of the samples after the pre-processing.
    package mutating func update(_ sample: Sample) -> Judgement {
        guard let sample = preprocessing.apply(sample), sample.isUsable, clock.advance(to: sample.timestamp) else {
            return .none
        }
        let prediction = season.predict(sample.value, at: clock)
        let expected = prediction.combined
        let residual = sample.value - expected
        let scale = measure.value
        let magnitude = measure.magnitude(residual, floor: 1e-4 * abs(expected))
        let logarithm = calibration.update(magnitude, logPerDay: clock.logPerDay)
        let bound = clock.count > Composition.warmUp / 2 && scale > 0 ? 3 * scale : .greatestFiniteMagnitude
        season.update(expected + max(-bound, min(bound, residual)), prediction, at: clock)
        let score = clock.count > Composition.warmUp ? Statistics.score(logarithm: logarithm) : 0
        return Judgement(score: score, expected: expected, scale: scale)
    }
}

/// What compositions have in common.
enum Composition {
    /// Samples before anything scores.
    static let warmUp = 100
}
