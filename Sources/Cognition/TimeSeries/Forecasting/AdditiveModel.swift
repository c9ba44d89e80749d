#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A piecewise linear trend with change points and Fourier seasons, added up (Taylor and Letham 2018, "Forecasting at
/// scale", sections 3.1 and 3.2).
///
/// 25 possible changes of slope in the first four fifths of the history, sparse by a Laplace prior, which is fitted as an
/// iteratively reweighted ridge (Tibshirani 1996, section 9); Fourier pairs with normal priors for up to two seasons.
/// Future changes come as often as in the past and are as large on average. State: at most 50 words.
package struct AdditiveModel: Forecaster {
    /// Name in configurations and explanations.
    package static let name = "additive-model"
    /// Fewer usable points are not forecast.
    package static let minimumPoints = 20
    /// Newest points that are fitted to at most.
    private static let maximumPoints = 4_032
    private static let changePoints = 25
    /// Share of the history in which the slope may change.
    private static let changeRange = 0.8
    /// Scale of the Laplace prior of a change and of the normal prior of a Fourier coefficient, values scaled to 1.
    private static let changePrior = 0.05
    private static let seasonPrior = 10.0
    private static let iterations = 12

    private let points: Int
    private let size: Double
    private let periods: [Int]
    private let pairs: [Int]
    private let coefficients: [Double]
    private let changes: Int
    private let noise: Double

    /// Fits the first two seasons that the history holds twice.
    package init(fitting history: [Double], seasons: [Int]) throws(ForecastError) {
        let values = Array(FilledHistory.filled(history).suffix(Self.maximumPoints))
        guard values.count >= Self.minimumPoints else {
            throw .insufficientData(have: values.count, need: Self.minimumPoints)
        }
        points = values.count
        size = max(1e-300, values.reduce(0) { max($0, abs($1)) })
        periods = Array(FilledHistory.seasons(seasons, points: values.count).prefix(2))
        pairs = zip(periods, [4, 3]).map { min($1, ($0 - 1) / 2) }
        changes = min(Self.changePoints, Int(Double(values.count) * Self.changeRange) - 1)
        let unit = size
        let fit = Self.fit(
            values.map { $0 / unit }, changes: changes, periods: periods, pairs: pairs)
        coefficients = fit.coefficients
        noise = fit.noise
    }

    /// The distribution of the next values: noise, and slopes that may change again.
    package func forecast(horizon: Int) -> ForecastPath {
        let steps = Self.steps(horizon)
        let means = steps.map { step in
            let row = Self.row(points + step, of: points, changes: changes, periods: periods, pairs: pairs)
            return size * zip(row, coefficients).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let deltas = coefficients[2..<(2 + changes)].map { abs($0) }
        let typical = deltas.reduce(0) { $0 + $1 / Double(max(1, changes)) }
        // A change after a share u of the time ahead t moves the value by Δ(t - u); Laplace: E Δ² = 2 b².
        let rate = Double(changes) / Self.changeRange
        let deviations = steps.map { step in
            let ahead = Double(step + 1) / Double(points)
            let drift = rate * 2 * typical * typical * ahead * ahead * ahead / 3
            return size * (noise * noise + drift).squareRoot()
        }
        return ForecastPath(means: means, deviations: deviations) { max(-1e150, min(1e150, $0)) }
    }

    /// Whether a stored state can be gone on with.
    package var isConsistent: Bool {
        guard (1...Self.maximumPoints).contains(points), (0...Self.changePoints).contains(changes),
            periods.count == pairs.count, periods.allSatisfy({ (2...Self.maximumPoints).contains($0) }),
            pairs.allSatisfy({ (0...4).contains($0) })
        else { return false }
        return coefficients.count == 2 + changes + 2 * pairs.reduce(0, +) && coefficients.areUsable
            && (0..<1e155).contains(size) && (0..<1e155).contains(noise)
    }

    /// Level, slope, changes of slope, and Fourier pairs at a point; time is a share of the history.
    private static func row(_ point: Int, of points: Int, changes: Int, periods: [Int], pairs: [Int]) -> [Double] {
        let time = Double(point) / Double(points)
        var row = [1, time]
        for change in 0..<changes {
            let place = changeRange * Double(change + 1) / Double(changes + 1)
            row.append(max(0, time - place))
        }
        for (period, count) in zip(periods, pairs) {
            for pair in 0..<count {
                let angle = 2 * Double.pi * Double((pair + 1) * point % period) / Double(period)
                row += [cos(angle), sin(angle)]
            }
        }
        return row
    }

    private static func fit(
        _ values: [Double], changes: Int, periods: [Int], pairs: [Int]
    ) -> (coefficients: [Double], noise: Double) {
        let rows = values.indices.map {
            row($0, of: values.count, changes: changes, periods: periods, pairs: pairs)
        }
        let width = rows.first?.count ?? 0
        var gram = Array(repeating: 0.0, count: width * width)
        var right = Array(repeating: 0.0, count: width)
        for (row, value) in zip(rows, values) {
            for column in 0..<width {
                right[column] += row[column] * value
                for other in 0...column { gram[column * width + other] += row[column] * row[other] }
            }
        }
        var coefficients = Array(repeating: 0.0, count: width)
        var noise = 0.1
        for iteration in 0..<iterations {
            var matrix = gram
            let variance = max(1e-12, noise * noise)
            for column in 0..<width {
                let isChange = column >= 2 && column < 2 + changes
                let size = iteration == 0 ? changePrior : max(1e-6, abs(coefficients[column]))
                let precision = isChange ? 1 / (changePrior * size) : 1 / (seasonPrior * seasonPrior)
                matrix[column * width + column] += variance * precision + 1e-12
            }
            guard let solution = CholeskyFactor(matrix, size: width)?.solve(right) else { break }
            coefficients = solution
            let squares = zip(rows, values).reduce(0) { sum, entry in
                let error = entry.1 - zip(entry.0, solution).reduce(0) { $0 + $1.0 * $1.1 }
                return sum + error * error
            }
            noise = (squares / Double(values.count)).squareRoot()
        }
        return (coefficients, noise)
    }
}
