#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A one-class support vector machine with a radial kernel (Schölkopf and others 2001), solved by sequential minimal
/// optimisation on the most violating pair (Keerthi and others 2001).
///
/// State: the support vectors with their weights.
struct OneClassSupport: Sendable, Equatable, Codable {
    private let gamma: Double
    private let vectors: [[Double]]
    private let weights: [Double]
    private let offset: Double

    /// Length of the support vectors; `nil` without one.
    var dimensions: Int? { vectors.first?.count }

    /// - Throws: `DecodingError` for vectors and weights that do not belong together.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        gamma = try container.decode(Double.self, forKey: .gamma)
        vectors = try container.decode([[Double]].self, forKey: .vectors)
        weights = try container.decode([Double].self, forKey: .weights)
        offset = try container.decode(Double.self, forKey: .offset)
        guard gamma > 0, vectors.count == weights.count, Set(vectors.map(\.count)).count <= 1 else {
            throw DecodingError.dataCorruptedError(
                forKey: .vectors, in: container,
                debugDescription: "the vectors and their weights do not belong together")
        }
    }

    /// - Parameters:
    ///   - points: of the same length, finite.
    ///   - nu: share of points that may lie outside, in (0,1].
    ///   - gamma: of the kernel exp(-gamma · distance²), above 0.
    ///   - tolerance: largest violation of the optimality conditions that is left; default 1e-3.
    /// - Returns: `nil` without points.
    init?(_ points: [[Double]], nu: Double, gamma: Double, tolerance: Double = 1e-3) {
        let count = points.count
        guard count > 0, gamma > 0, nu > 0 else { return nil }
        let kernel = Self.kernelMatrix(points, gamma)
        // The weights sum up to nu · count, each at most 1: the first ones take it all to begin with.
        var weights = Array(repeating: 0.0, count: count)
        var rest = min(1, nu) * Double(count)
        for index in 0..<count {
            weights[index] = min(1, rest)
            rest -= weights[index]
        }
        var gradients = (0..<count).map { row in
            (0..<count).reduce(0) { $0 + weights[$1] * kernel[row * count + $1] }
        }
        for _ in 0..<(100 * count) {
            var (up, down) = (-1, -1)
            for index in 0..<count {
                if weights[index] < 1, up < 0 || gradients[index] < gradients[up] { up = index }
                if weights[index] > 0, down < 0 || gradients[index] > gradients[down] { down = index }
            }
            guard up >= 0, down >= 0, gradients[down] - gradients[up] > tolerance else { break }
            let curvature = max(1e-12, 2 - 2 * kernel[up * count + down])
            let change = min((gradients[down] - gradients[up]) / curvature, 1 - weights[up], weights[down])
            weights[up] += change
            weights[down] -= change
            for index in 0..<count {
                gradients[index] += change * (kernel[index * count + up] - kernel[index * count + down])
            }
        }
        offset = Self.offset(weights, gradients)
        self.gamma = gamma
        let support = weights.indices.filter { weights[$0] > 0 }
        vectors = support.map { points[$0] }
        self.weights = support.map { weights[$0] }
    }

    /// At least 0 inside, below it outside.
    func decision(_ point: [Double]) -> Double {
        zip(vectors, weights).reduce(-offset) { $0 + $1.1 * Self.kernel($1.0, point, gamma) }
    }

    private static func kernelMatrix(_ points: [[Double]], _ gamma: Double) -> [Double] {
        let count = points.count
        var matrix = Array(repeating: 1.0, count: count * count)
        for row in 0..<count {
            for column in 0..<row {
                let value = kernel(points[row], points[column], gamma)
                matrix[row * count + column] = value
                matrix[column * count + row] = value
            }
        }
        return matrix
    }

    private static func kernel(_ one: [Double], _ other: [Double], _ gamma: Double) -> Double {
        var distance = 0.0
        for index in 0..<min(one.count, other.count) {
            distance += (one[index] - other[index]) * (one[index] - other[index])
        }
        return exp(-gamma * distance)
    }

    /// The mean gradient of the vectors on the margin, or the middle between those on either side of it.
    private static func offset(_ weights: [Double], _ gradients: [Double]) -> Double {
        let margin = weights.indices.filter { weights[$0] > 0 && weights[$0] < 1 }
        guard margin.isEmpty else { return margin.reduce(0) { $0 + gradients[$1] } / Double(margin.count) }
        let inside = weights.indices.filter { weights[$0] <= 0 }.map { gradients[$0] }.min()
        let outside = weights.indices.filter { weights[$0] >= 1 }.map { gradients[$0] }.max()
        return ((inside ?? outside ?? 0) + (outside ?? inside ?? 0)) / 2
    }
}
