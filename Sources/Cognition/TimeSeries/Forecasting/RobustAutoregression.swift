#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A linear autoregression on chosen lags, with harmonics of a season, fitted by ridge regression that outliers and the
/// distant past hardly sway.
///
/// Iteratively reweighted least squares with Huber's weights (Huber 1964; three solutions), a quadratic penalty (Hoerl
/// and Kennard 1970) and exponential forgetting. The values are standardised, in logarithms when asked and all are
/// positive, and may be differenced once. Forecasts are iterated and kept within the range of the history and half of
/// it on either side; their spread is that of the impulse responses (Box and Jenkins, section 5.2).
struct RobustAutoregression: Sendable, Equatable, Codable {
    /// What is regressed on what.
    struct Design: Sendable, Equatable, Codable {
        /// Points to look back, ascending, at least 1.
        var lags: [Int]
        /// Lag of the difference that is taken first; 0 for none.
        var difference = 0
        /// Pairs of harmonics and the period they divide, in points.
        var harmonics = 0
        var period = 1
        /// Penalty as a share of the variance, a hundredth of it a lag.
        var penalty = 0.003
        /// Points after which an observation counts for a share of 1/e; `nil` when all count alike.
        var memory: Double?
        var isLogarithmic = true

        /// Points that a fit needs.
        var leastPoints: Int { (lags.last ?? 0) + difference + lags.count + 2 * harmonics + 8 }
    }

    private let design: Design
    private let isLogarithmic: Bool
    private let center: Double
    private let width: Double
    /// Lags first, harmonics with the constant after them.
    private let coefficients: [Double]
    /// Standard deviation of the innovations, robust.
    private let noise: Double
    /// Newest standardised values before differencing, oldest first, and newest differenced ones.
    private let levels: [Double]
    private let tail: [Double]
    private let bounds: ClosedRange<Double>
    /// Points fitted to, for the phase of the harmonics.
    private let points: Int

    /// - Parameter values: finite; `nil` when there are too few of them for the design.
    init?(_ values: [Double], _ design: Design) {
        guard values.count >= design.leastPoints, let longest = design.lags.last else { return nil }
        isLogarithmic = design.isLogarithmic && values.allSatisfy { $0 > 0 }
        let raw = isLogarithmic ? values.map { log($0) } : values
        let count = Double(raw.count)
        let mean = raw.reduce(0) { $0 + $1 / count }
        let variance = raw.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / count }
        center = mean
        width = variance > 0 ? variance.squareRoot() : 1
        let (shift, unit) = (mean, width)
        let levels = raw.map { ($0 - shift) / unit }
        let difference = design.difference
        let series = difference > 0 ? (difference..<levels.count).map { levels[$0] - levels[$0 - difference] } : levels
        let rows = Rows(series, design)
        guard let fit = rows.fit(penalty: design.penalty) else { return nil }
        coefficients = fit.coefficients
        noise = fit.noise
        self.design = design
        points = series.count
        tail = Array(series.suffix(longest))
        self.levels = Array(levels.suffix(max(1, difference)))
        let (low, high) = (series.min() ?? 0, series.max() ?? 0)
        bounds = (low - (high - low) / 2)...(high + (high - low) / 2)
    }

    /// Whether the parts of a stored state fit each other.
    var isConsistent: Bool {
        let count = design.lags.count + 1
        return design.lags.allSatisfy { $0 > 0 } && (design.lags.max() ?? 0) == tail.count && design.difference >= 0
            && levels.count == max(1, design.difference) && (0...1_000).contains(design.harmonics)
            && (1...1_000_000).contains(design.period) && coefficients.count == count + 2 * design.harmonics
            && (0..<1 << 40).contains(points) && noise >= 0
            && [coefficients, levels, tail, [center, width, noise, bounds.lowerBound, bounds.upperBound]]
                .allSatisfy(\.areUsable)
    }

    /// The distribution of the next values.
    func forecast(horizon: Int) -> ForecastPath {
        guard horizon > 0 else { return ForecastPath(p10: [], p50: [], p90: []) }
        var path = tail
        var impulse = Array(repeating: 0.0, count: tail.count)
        var deviations: [Double] = []
        var full = levels
        var responses = Array(repeating: 0.0, count: levels.count)
        var variance = 0.0
        let harmonics = Harmonics(design)
        for step in 0..<horizon {
            var value = 0.0
            var response = step == 0 ? 1.0 : 0
            for (index, lag) in design.lags.enumerated() {
                value += coefficients[index] * path[path.count - lag]
                response += coefficients[index] * impulse[impulse.count - lag]
            }
            harmonics.each(at: points + step) { value += coefficients[design.lags.count + $0] * $1 }
            path.append(min(bounds.upperBound, max(bounds.lowerBound, value)))
            // An unstable fit must not make the spread infinite.
            impulse.append(max(-4, min(4, response)))
            if design.difference > 0 {
                full.append(full[full.count - design.difference] + path[path.count - 1])
                responses.append(responses[responses.count - design.difference] + impulse[impulse.count - 1])
            } else {
                full.append(path[path.count - 1])
                responses.append(impulse[impulse.count - 1])
            }
            variance += responses[responses.count - 1] * responses[responses.count - 1]
            deviations.append(noise * variance.squareRoot())
        }
        let (shift, unit, exponential) = (center, width, isLogarithmic)
        return ForecastPath(means: Array(full.suffix(horizon)), deviations: deviations) { standardised in
            let value = standardised * unit + shift
            return exponential ? exp(min(345, value)) : max(-1e150, min(1e150, value))
        }
    }
}

extension RobustAutoregression {
    /// The constant and the harmonics of a season.
    struct Harmonics {
        private let pairs: Int
        private let period: Int

        init(_ design: Design) {
            pairs = max(0, design.harmonics)
            period = max(1, design.period)
        }

        var count: Int { 1 + 2 * pairs }

        /// Calls back with the index and value of each column at a point.
        func each(at point: Int, _ body: (Int, Double) -> Void) {
            body(0, 1)
            for pair in 0..<pairs {
                let angle = 2 * Double.pi * Double((pair + 1) * (point % period) % period) / Double(period)
                body(1 + 2 * pair, cos(angle))
                body(2 + 2 * pair, sin(angle))
            }
        }
    }

    /// The regression's rows, newest last.
    private struct Rows {
        let width: Int
        let constant: Int
        let targets: [Double]
        let weights: [Double]
        /// Row by row.
        let entries: [Double]

        init(_ series: [Double], _ design: Design) {
            let longest = design.lags.last ?? 0
            let harmonics = Harmonics(design)
            let width = design.lags.count + harmonics.count
            var entries = Array(repeating: 0.0, count: width * (series.count - longest))
            for row in longest..<series.count {
                let start = (row - longest) * width
                for (index, lag) in design.lags.enumerated() { entries[start + index] = series[row - lag] }
                harmonics.each(at: row) { entries[start + design.lags.count + $0] = $1 }
            }
            self.width = width
            self.entries = entries
            constant = design.lags.count
            targets = Array(series[longest...])
            weights = (longest..<series.count).map { row in
                design.memory.map { exp(-Double(series.count - row) / $0) } ?? 1
            }
        }

        func fit(penalty: Double) -> (coefficients: [Double], noise: Double)? {
            var weights = weights
            var solution: (coefficients: [Double], noise: Double)?
            for _ in 0..<3 {
                guard let coefficients = solve(weights, penalty: penalty) else { return solution }
                let residuals = residuals(coefficients)
                let scale = max(1e-9, Statistics.robustScale(residuals, around: 0))
                for index in weights.indices {
                    weights[index] = self.weights[index] * min(1, 2 * scale / max(abs(residuals[index]), 1e-12))
                }
                solution = (coefficients, scale)
            }
            return solution
        }

        private func residuals(_ coefficients: [Double]) -> [Double] {
            targets.indices.map { row in
                var sum = targets[row]
                for column in 0..<width { sum -= entries[row * width + column] * coefficients[column] }
                return sum
            }
        }

        private func solve(_ weights: [Double], penalty: Double) -> [Double]? {
            var matrix = Array(repeating: 0.0, count: width * width)
            var right = Array(repeating: 0.0, count: width)
            entries.withUnsafeBufferPointer { entries in
                matrix.withUnsafeMutableBufferPointer { matrix in
                    for row in targets.indices {
                        let start = row * width
                        for column in 0..<width {
                            let weighted = weights[row] * entries[start + column]
                            right[column] += weighted * targets[row]
                            let place = column * width
                            for other in 0...column { matrix[place + other] += weighted * entries[start + other] }
                        }
                    }
                }
            }
            let ridge = penalty * Double(targets.count) / 100
            for column in 0..<width { matrix[column * width + column] += column == constant ? 1e-6 : ridge + 1e-9 }
            return CholeskyFactor(matrix, size: width)?.solve(right)
        }
    }
}
