#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The exact Gaussian likelihood of a zero-mean ARMA process, and its forecasts, by the Kalman filter in Harvey's form
/// (Harvey 1989, section 3.3; Gardner, Harvey and Phillips 1980).
struct ARMAFilter {
    /// What the filter knows after the last value.
    struct Result {
        /// Logarithm of the likelihood with the innovations' variance at `variance`.
        var logLikelihood: Double
        /// Variance of the innovations: the one given, or the most likely one.
        var variance: Double
        var state: [Double]
    }

    /// Numbers of the state.
    let size: Int
    /// Autoregression and moving average of the state's form, padded with 0 to its size.
    private let ar: [Double]
    private let response: [Double]

    /// - Parameters:
    ///   - ar: coefficients of the values before, nearest first.
    ///   - ma: coefficients of the innovations before, nearest first.
    init(ar: [Double], ma: [Double]) {
        size = max(1, ar.count, ma.count + 1)
        self.ar = ar + Array(repeating: 0, count: size - ar.count)
        response = [1] + ma + Array(repeating: 0, count: size - 1 - ma.count)
    }

    /// Runs over the values.
    ///
    /// - Parameter variance: of the innovations; `nil` for the most likely one (concentrated likelihood).
    /// - Returns: `nil` when the process is not stationary or the numbers overflow.
    func run(_ values: [Double], variance: Double? = nil) -> Result? {
        guard var covariance = stationaryCovariance() else { return nil }
        var state = Array(repeating: 0.0, count: size)
        var gain = Array(repeating: 0.0, count: size)
        var (squares, logarithms) = (0.0, 0.0)
        var spread = 1.0
        var isSteady = false
        for value in values {
            let innovation = value - state[0]
            if !isSteady {
                let next = covariance[0]
                guard next > 0, next.isFinite else { return nil }
                // The covariance of a process without memory of its start settles; from then on a step is linear.
                isSteady = abs(next - spread) < 1e-12 && abs(next - 1) < 1e-9
                spread = next
                for index in 0..<size { gain[index] = covariance[index * size] / spread }
            }
            squares += innovation * innovation / spread
            logarithms += log(spread)
            for index in 0..<size { state[index] += gain[index] * innovation }
            let first = state[0]
            for index in 0..<size { state[index] = ar[index] * first + (index + 1 < size ? state[index + 1] : 0) }
            if !isSteady { covariance = advanced(covariance, gain) }
        }
        let count = Double(values.count)
        let scale = variance ?? max(1e-300, squares / max(1, count))
        let logLikelihood = -0.5 * (count * log(2 * Double.pi * scale) + logarithms + squares / scale)
        guard logLikelihood.isFinite else { return nil }
        return Result(logLikelihood: logLikelihood, variance: scale, state: state)
    }

    /// Means of the next values; the state is the one before the first of them.
    func means(from state: [Double], horizon: Int) -> [Double] {
        var state = state
        return (0..<max(0, horizon)).map { _ in
            let first = state[0]
            for index in 0..<size { state[index] = ar[index] * first + (index + 1 < size ? state[index + 1] : 0) }
            return first
        }
    }

    /// Responses of the next values to an innovation now, the first one 1.
    func responses(horizon: Int) -> [Double] { means(from: response, horizon: horizon) }

    /// The covariance after a value, carried on by a step.
    private func advanced(_ covariance: [Double], _ gain: [Double]) -> [Double] {
        var filtered = covariance
        for row in 0..<size {
            for column in 0..<size { filtered[row * size + column] -= gain[row] * covariance[column] }
        }
        var next = Array(repeating: 0.0, count: size * size)
        for row in 0..<size {
            let down = row + 1 < size
            for column in row..<size {
                let right = column + 1 < size
                var value = ar[row] * ar[column] * filtered[0] + response[row] * response[column]
                if right { value += ar[row] * filtered[column + 1] }
                if down { value += filtered[(row + 1) * size] * ar[column] }
                if down, right { value += filtered[(row + 1) * size + column + 1] }
                next[row * size + column] = value
                next[column * size + row] = value
            }
        }
        return next
    }

    /// The covariance of the state of a process that has gone on for ever, by doubling (Anderson and Moore 1979, section
    /// 6.7).
    private func stationaryCovariance() -> [Double]? {
        var transition = Array(repeating: 0.0, count: size * size)
        var covariance = transition
        for row in 0..<size {
            transition[row * size] = ar[row]
            if row + 1 < size { transition[row * size + row + 1] = 1 }
            for column in 0..<size { covariance[row * size + column] = response[row] * response[column] }
        }
        for _ in 0..<40 {
            let half = Self.product(transition, covariance, size)
            let change = Self.product(half, Self.transposed(transition, size), size)
            var largest = 0.0
            for index in covariance.indices {
                covariance[index] += change[index]
                largest = max(largest, abs(change[index]))
            }
            guard covariance[0].isFinite, largest < 1e12 else { return nil }
            if largest < 1e-14 * covariance[0] { return covariance }
            transition = Self.product(transition, transition, size)
        }
        return nil
    }

    private static func transposed(_ matrix: [Double], _ size: Int) -> [Double] {
        var result = matrix
        for row in 0..<size { for column in 0..<size { result[column * size + row] = matrix[row * size + column] } }
        return result
    }

    private static func product(_ one: [Double], _ other: [Double], _ size: Int) -> [Double] {
        var result = Array(repeating: 0.0, count: size * size)
        one.withUnsafeBufferPointer { one in
            other.withUnsafeBufferPointer { other in
                result.withUnsafeMutableBufferPointer { result in
                    for row in 0..<size {
                        for middle in 0..<size {
                            let factor = one[row * size + middle]
                            guard factor != 0 else { continue }
                            for column in 0..<size {
                                result[row * size + column] += factor * other[middle * size + column]
                            }
                        }
                    }
                }
            }
        }
        return result
    }
}
