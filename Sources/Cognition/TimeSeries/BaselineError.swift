/// Why no baseline was learned.
package enum BaselineError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The history covers too few days, or has too few points to tell noise from level.
    case insufficientData(haveDays: Double, needDays: Double, points: Int)

    /// One sentence with the numbers.
    package var description: String {
        switch self {
        case .insufficientData(let have, let need, let points):
            "insufficient data: \(points) points over \((have * 100).rounded() / 100) days, "
                + "at least \(Baseline.minimumPoints) points over \(need) days needed"
        }
    }
}
