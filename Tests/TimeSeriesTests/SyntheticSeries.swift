import Glibc

@testable import TimeSeries

extension SplitMix64 {
    /// Standard normal number (Box and Muller 1958).
    mutating func normal() -> Double {
        let u = Double.random(in: 1e-12..<1, using: &self)
        return (-2 * log(u)).squareRoot() * cos(2 * .pi * Double.random(in: 0..<1, using: &self))
    }
}

/// Monday 2026-01-05 00:00 UTC.
let monday: Int64 = 1_767_571_200_000
let day: Int64 = 86_400_000

/// Points of a function of time.
func samples(
    from: Int64 = monday, days: Double, stepSeconds: Double, _ value: (Int64) -> Double
) -> [Sample] {
    let count = Int(days * 86_400 / stepSeconds)
    return (0..<count).map { index in
        let time = from + Int64(Double(index) * stepSeconds * 1_000)
        return Sample(timestamp: time, value: value(time))
    }
}

/// 100 with a daily wave of 30, highest at 18:00.
func daily(_ time: Int64) -> Double {
    100 - 30 * sin(2 * .pi * Double((time % day + day) % day) / Double(day))
}

/// Baseline of a week of 100 ± 2 without a season.
func flatBaseline(seed: UInt64 = 1, configuration: BaselineConfiguration = .init()) throws -> Baseline {
    var generator = SplitMix64(seed: seed)
    return try Baseline.learn(
        from: samples(days: 7, stepSeconds: 300) { _ in 100 + 2 * generator.normal() }, configuration: configuration)
}

/// Values that a source may deliver and that must not do harm.
let badValues: [Double] = [
    .nan, .infinity, -.infinity, 1e308, -1e308, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0, 0,
]

/// Whether all numbers of a detection are finite and the scores in [0,1].
func isSound(_ detection: Detection) -> Bool {
    let numbers = [
        detection.score, detection.value, detection.relativeDeviation, detection.band.expected, detection.band.lower,
        detection.band.upper, detection.band.scale,
    ]
    return numbers.allSatisfy(\.isFinite) && (0...1).contains(detection.score) && detection.band.scale > 0
        && detection.band.lower <= detection.band.expected && detection.band.expected <= detection.band.upper
        && detection.members.allSatisfy { (0...1).contains($0.score) }
}
