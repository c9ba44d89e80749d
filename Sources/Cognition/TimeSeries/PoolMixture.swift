/// What the members of a pool expect at one lead: each a normal distribution around its path, as ten equally probable
/// values, weighted.
struct PoolMixture {
    /// Middles of ten equally probable parts of a normal distribution.
    static let nodes = [-1.645, -1.036, -0.674, -0.385, -0.126, 0.126, 0.385, 0.674, 1.036, 1.645]

    /// Ascending.
    private let values: [(value: Double, weight: Double)]
    private let total: Double

    /// - Parameters:
    ///   - seconds: the lead.
    ///   - sign: -1 for the mixture of the mirrored series.
    init(_ pool: ForecastPool, after seconds: Double, sign: Double = 1) {
        values = pool.members.flatMap { member -> [(value: Double, weight: Double)] in
            let middle = pool.value(member, after: seconds)
            let deviation = pool.deviation(member, after: seconds)
            return Self.nodes.map { (sign * (middle + $0 * deviation), member.weight) }
        }.sorted { $0.value < $1.value }
        total = values.reduce(0) { $0 + $1.weight }
    }

    /// The value that is not exceeded with a probability; `nil` of a pool without members.
    func quantile(_ probability: Double) -> Double? {
        var sum = 0.0
        for entry in values {
            sum += entry.weight
            if sum >= probability * total { return entry.value }
        }
        return values.last?.value
    }
}
