#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Robust statistics of small samples; all inputs finite.
enum Statistics {
    /// Scale of the median absolute deviation that estimates a normal distribution's standard deviation.
    static let madToSigma = 1.4826
    /// The same for each unit of the natural logarithm of a probability, 6.8e-6 being that of 4.5 deviations.
    private static let rarity = 0.14598081739454827
    /// Base-2 logarithm of 0.3, what is left of the score at 4.5 deviations.
    private static let logarithm = -1.7369655941662063

    /// The quantile of sorted values by linear interpolation (Hyndman and Fan 1996, type 7); 0 when empty.
    static func quantile(sorted values: [Double], _ probability: Double) -> Double {
        guard let last = values.indices.last else { return 0 }
        let position = Double(last) * min(1, max(0, probability))
        let index = Int(position)
        guard index < last else { return values[last] }
        let share = position - Double(index)
        return values[index] * (1 - share) + values[index + 1] * share
    }

    /// The middle value; 0 when empty.
    static func median(_ values: [Double]) -> Double { quantile(sorted: values.sorted(), 0.5) }

    /// Median absolute deviation from `center`, scaled to a standard deviation.
    static func robustScale(_ values: [Double], around center: Double) -> Double {
        madToSigma * median(values.map { abs($0 - center) })
    }

    /// Standard deviation of sorted values without the outermost hundredth on each side.
    static func trimmedDeviation(sorted values: [Double]) -> Double {
        let cut = values.count / 100
        let kept = values[cut..<(values.count - cut)]
        guard kept.count > 1 else { return 0 }
        let mean = kept.reduce(0, +) / Double(kept.count)
        return (kept.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(kept.count - 1)).squareRoot()
    }

    /// Natural logarithm of `1 + value`, exact for small values.
    static func logarithm(onePlus value: Double) -> Double { log1p(value) }

    /// Standard normal distribution function.
    static func normalCDF(_ z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }

    /// Correlation of neighbouring values, in [-1,1]; 0 for fewer than three or constant values.
    static func lagOneCorrelation(_ values: [Double]) -> Double {
        guard values.count > 2 else { return 0 }
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        guard variance > 0, variance.isFinite else { return 0 }
        let product = zip(values, values.dropFirst()).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) }
        return max(-1, min(1, product / variance))
    }

    /// Score in [0,1] of a distance in robust standard deviations: smooth, monotone, 0 at 0 and 0.7 at 4.5.
    ///
    /// Independent normal noise exceeds 4.5 once in 150,000 points.
    static func score(deviation: Double) -> Double {
        guard !deviation.isNaN else { return 0 }
        let share = deviation * (1 / 4.5)
        return 1 - exp2(logarithm * share * share)
    }

    /// Score in [0,1] of an event by the natural logarithm of its probability; 0.7 at that of 4.5 standard deviations.
    static func score(logarithm: Double) -> Double {
        guard logarithm < 0 else { return 0 }
        return 1 - exp2(rarity * logarithm)
    }

    /// Score of an event of the probability `share` raised to `power`.
    static func score(share: Double, power: Double) -> Double {
        score(logarithm: log(max(1e-300, min(1, share))) * power)
    }
}
