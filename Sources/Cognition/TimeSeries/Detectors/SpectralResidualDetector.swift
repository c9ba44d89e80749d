#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Salience of the newest sample: what its recent window holds beyond the usual shape of its spectrum.
///
/// Spectral residual (Ren and others 2019, "Time-series anomaly detection service at Microsoft", section 4.1): windows
/// of 64 values, the last 5 of them continued with the gradient before the newest one, average filter of 3. What the
/// salience of the newest value has above the window's mean is measured in its own running spread, as the end of a
/// window is more salient than its middle even in noise. State: at most 768 bytes.
package struct SpectralResidualDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "spectral-residual"
    private static let size = 64
    private static let continued = 5
    private static let kept = size - continued
    private static let warmUp = 32

    /// Newest values, oldest first.
    private var values: [Double] = []
    private var spread = RunningScale(window: 500)
    private var level = RecentLevel()

    /// A detector that has seen nothing.
    package init() {}

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        let score = scored(sample)
        return level.judge(sample.value, score: score)
    }

    private mutating func scored(_ sample: Sample) -> Double {
        values.append(sample.value)
        if values.count > Self.kept { values.removeFirst(values.count - Self.kept) }
        guard values.count == Self.kept else { return 0 }
        let salience = Self.salience(values)
        let deviation = spread.deviation(salience)
        spread.update(salience)
        return spread.count > Self.warmUp ? Statistics.score(deviation: max(0, deviation)) : 0
    }

    /// How far the salience of the last value is above the mean of the others, as a share of that mean.
    private static func salience(_ values: [Double]) -> Double {
        let center = Statistics.median(values)
        let size = values.reduce(0) { max($0, abs($1 - center)) }
        guard size > 0 else { return 0 }
        // Scaling leaves the result as it is and keeps the transform in range.
        var real = values.map { ($0 - center) / size }
        let last = kept - 2
        let gradients = (1...continued).map { (real[last] - real[last - $0]) / Double($0) }
        real += Array(repeating: real[last - continued + 1] + gradients.reduce(0, +), count: continued)
        var imaginary = Array(repeating: 0.0, count: Self.size)
        FourierTransform.forward(&real, &imaginary)
        let amplitudes = zip(real, imaginary).map { ($0 * $0 + $1 * $1).squareRoot() }
        let logarithms = amplitudes.map { log(max($0, 1e-8)) }
        for index in amplitudes.indices {
            let neighbours =
                logarithms[(index + Self.size - 1) % Self.size] + logarithms[index]
                + logarithms[(index + 1) % Self.size]
            let factor = exp(logarithms[index] - neighbours / 3) / max(amplitudes[index], 1e-8)
            real[index] *= factor
            imaginary[index] *= factor
        }
        FourierTransform.inverse(&real, &imaginary)
        let salience = zip(real, imaginary).map { ($0 * $0 + $1 * $1).squareRoot() }
        let mean = salience.prefix(kept - 1).reduce(0, +) / Double(kept - 1)
        guard mean > 0 else { return 0 }
        return (salience[kept - 1] - mean) / mean
    }
}
