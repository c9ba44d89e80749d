/// Why a model was not fitted.
package enum ForecastError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The history holds too few usable points.
    case insufficientData(have: Int, need: Int)

    /// One sentence with the numbers.
    package var description: String {
        switch self {
        case .insufficientData(let have, let need):
            "insufficient data: \(have) usable points, at least \(need) needed"
        }
    }
}
