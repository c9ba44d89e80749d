/// What is normal at one instant.
package struct Band: Sendable, Equatable, Codable {
    /// Typical value.
    package var expected: Double
    /// Lower edge: the distance from `expected` is three robust standard deviations, more where the tail is heavy.
    package var lower: Double
    /// Upper edge, likewise.
    package var upper: Double
    /// Robust standard deviation (1.4826 · MAD) of the residuals; above 0.
    package var scale: Double

    /// All fields as given.
    package init(expected: Double, lower: Double, upper: Double, scale: Double) {
        self.expected = expected
        self.lower = lower
        self.upper = upper
        self.scale = scale
    }

    /// Signed distance of a value from `expected`: 3 at the upper edge, -3 at the lower one; 0 when not finite.
    package func deviation(of value: Double) -> Double {
        let residual = value - expected
        let width = (residual < 0 ? expected - lower : upper - expected) * (1.0 / 3)
        let deviation = residual / max(width, scale)
        return deviation.isFinite ? deviation : 0
    }
}
