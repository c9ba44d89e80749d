/// Level and scale of the newest samples, for the band of detectors that model no values.
///
/// Exponentially weighted over 50 samples; an outlier moves it by at most three standard deviations' worth. State: 6
/// words.
struct RecentLevel: Sendable, Equatable, Codable {
    private static let window = 50.0

    private var level = 0.0
    private var count = 0.0
    private var scale = RunningScale(window: 500)

    /// The judgement of a value with a score, and the value taken in.
    mutating func judge(_ value: Double, score: Double) -> Judgement {
        if count == 0 { level = value }
        let judgement = Judgement(score: score, expected: level, scale: scale.value)
        let residual = value - level
        let bound = count > 16 && scale.value > 0 ? 3 * scale.value : .greatestFiniteMagnitude
        count = min(count + 1, 1e9)
        scale.update(residual)
        let change = max(-bound, min(bound, residual))
        level += count < Self.window ? change / count : change * (1 / Self.window)
        return judgement
    }
}
