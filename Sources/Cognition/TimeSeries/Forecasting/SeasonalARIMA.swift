#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Seasonal ARIMA with automatic order (Box and Jenkins; Hyndman and Khandakar 2008, "Automatic time series
/// forecasting").
///
/// The differences follow from the strength of the season and from the spread of the differenced values; the orders go
/// stepwise to the least corrected information criterion. A fit begins with the regression of Hannan and Rissanen (1982)
/// and goes on to the greatest exact likelihood (`ARMAFilter`) within a bounded number of evaluations. State: two
/// seasons and some words.
package struct SeasonalARIMA: Forecaster {
    /// Name in configurations and explanations.
    package static let name = "arima"
    /// Fewer usable points are not forecast.
    package static let minimumPoints = 20
    /// Newest points that are fitted to at most.
    private static let maximumPoints = 1_000

    /// Numbers of coefficients and differences; capital letters in the textbooks are `seasonal…` here.
    package struct Order: Sendable, Equatable, Codable, Hashable {
        package var ar = 0
        package var differences = 0
        package var ma = 0
        package var seasonalAR = 0
        package var seasonalDifferences = 0
        package var seasonalMA = 0
        /// Points of the season; 1 for none.
        package var period = 1

        /// Coefficients to be estimated.
        var parameters: Int { ar + ma + seasonalAR + seasonalMA }
    }

    /// The order that was chosen.
    package let order: Order
    /// Coefficients in the order ar, ma, seasonal ar, seasonal ma.
    package let coefficients: [Double]
    /// Mean of the differenced values; 0 when there are differences.
    package let mean: Double
    private let variance: Double
    private let state: [Double]
    /// Newest values, as many as the differences look back.
    private let tail: [Double]

    /// Chooses the order by the first season that the history holds twice and fits it.
    package init(fitting history: [Double], seasons: [Int]) throws(ForecastError) {
        let values = Array(FilledHistory.filled(history).suffix(Self.maximumPoints))
        guard values.count >= Self.minimumPoints else {
            throw .insufficientData(have: values.count, need: Self.minimumPoints)
        }
        let period = FilledHistory.seasons(seasons, points: values.count).first ?? 1
        let fit = OrderSearch(values, period: period).best()
        self.init(values, fit.order, coefficients: fit.coefficients)
    }

    /// With order and coefficients that are known.
    init(_ values: [Double], _ order: Order, coefficients: [Double], variance: Double? = nil) {
        self.order = order
        let differenced = Self.differenced(values, order)
        let isLevel = order.differences + order.seasonalDifferences == 0
        mean = isLevel ? differenced.reduce(0) { $0 + $1 / Double(differenced.count) } : 0
        let shift = mean
        let centered = differenced.map { $0 - shift }
        let filter = Self.filter(order, coefficients)
        if let run = filter?.run(centered, variance: variance) {
            self.coefficients = coefficients
            self.variance = run.variance
            state = run.state
        } else {
            self.coefficients = Array(repeating: 0, count: order.parameters)
            self.variance = centered.reduce(0) { $0 + $1 * $1 / Double(centered.count) }
            state = []
        }
        tail = Array(values.suffix(max(1, order.differences + order.period * order.seasonalDifferences)))
    }

    /// The distribution of the next values.
    package func forecast(horizon: Int) -> ForecastPath {
        let horizon = Self.steps(horizon).count
        let filter = Self.filter(order, coefficients)
        let isFitted = filter != nil && !state.isEmpty
        var means = isFitted ? filter?.means(from: state, horizon: horizon) ?? [] : Array(repeating: 0, count: horizon)
        let impulse =
            isFitted
            ? filter?.responses(horizon: horizon) ?? []
            : (0..<horizon).map { $0 == 0 ? 1.0 : 0 }
        means = means.map { $0 + mean }
        let path = Self.integrated(means, after: tail, order)
        let responses = Self.integrated(impulse, after: Array(repeating: 0, count: tail.count), order)
        var sum = 0.0
        let deviations = responses.map { response in
            sum += response * response
            return (variance * sum).squareRoot()
        }
        return ForecastPath(means: path, deviations: deviations) { max(-1e150, min(1e150, $0)) }
    }

    /// Whether a stored state can be gone on with.
    package var isConsistent: Bool {
        let counts = [order.ar, order.ma, order.seasonalAR, order.seasonalMA]
        guard counts.allSatisfy({ (0...8).contains($0) }), (0...2).contains(order.differences),
            (0...1).contains(order.seasonalDifferences), (1...Self.maximumPoints).contains(order.period),
            coefficients.count == order.parameters,
            tail.count == max(1, order.differences + order.period * order.seasonalDifferences)
        else { return false }
        // A state that was not fitted is empty.
        let filter = Self.filter(order, coefficients)
        return (state.isEmpty || filter?.size == state.count) && (0..<1e305).contains(variance)
            && [coefficients, state, tail, [mean]].allSatisfy(\.areUsable)
    }

    /// The filter of the product of the plain and the seasonal polynomials; `nil` when one of the four has a root on or
    /// within the unit circle.
    static func filter(_ order: Order, _ coefficients: [Double]) -> ARMAFilter? {
        guard coefficients.count == order.parameters else { return nil }
        var rest = coefficients[...]
        func take(_ count: Int) -> [Double] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        let (ar, ma) = (take(order.ar), take(order.ma))
        let (seasonalAR, seasonalMA) = (take(order.seasonalAR), take(order.seasonalMA))
        guard isStationary(ar), isStationary(seasonalAR), isStationary(ma.map { -$0 }),
            isStationary(seasonalMA.map { -$0 })
        else { return nil }
        let full = product(ar.map { -$0 }, seasonalAR.map { -$0 }, period: order.period).map { -$0 }
        return ARMAFilter(ar: full, ma: product(ma, seasonalMA, period: order.period))
    }

    /// Coefficients after the leading 1 of (1 + Σ aᵢ Lⁱ)(1 + Σ bⱼ Lᵖʲ).
    private static func product(_ plain: [Double], _ seasonal: [Double], period: Int) -> [Double] {
        var result = Array(repeating: 0.0, count: plain.count + period * seasonal.count + 1)
        for (index, one) in ([1] + plain).enumerated() {
            for (place, other) in ([1] + seasonal).enumerated() { result[index + period * place] += one * other }
        }
        return Array(result.dropFirst())
    }

    /// Whether an autoregression forgets its start: all partial autocorrelations within the unit interval (Monahan 1984).
    private static func isStationary(_ ar: [Double]) -> Bool {
        var row = ar
        while let last = row.last {
            guard abs(last) < 0.9999 else { return false }
            let rest = row.dropLast()
            row = rest.indices.map { (row[$0] + last * row[rest.count - 1 - $0]) / (1 - last * last) }
        }
        return true
    }

    static func differenced(_ values: [Double], _ order: Order) -> [Double] {
        var values = values
        for _ in 0..<order.seasonalDifferences where values.count > order.period + 2 {
            values = (order.period..<values.count).map { values[$0] - values[$0 - order.period] }
        }
        for _ in 0..<order.differences where values.count > 3 {
            values = (1..<values.count).map { values[$0] - values[$0 - 1] }
        }
        return values
    }

    /// Undoes the differences of what follows a series.
    private static func integrated(_ path: [Double], after tail: [Double], _ order: Order) -> [Double] {
        // Polynomial (1 - L)^d (1 - L^s)^D without its leading 1, with the sign of a recursion.
        var polynomial = [1.0]
        func multiply(lag: Int) {
            var next = polynomial + Array(repeating: 0.0, count: lag)
            for (index, value) in polynomial.enumerated() { next[index + lag] -= value }
            polynomial = next
        }
        for _ in 0..<order.differences { multiply(lag: 1) }
        for _ in 0..<order.seasonalDifferences { multiply(lag: order.period) }
        var full = tail
        for value in path {
            var sum = value
            for (lag, factor) in polynomial.enumerated().dropFirst() where factor != 0 && lag <= full.count {
                sum -= factor * full[full.count - lag]
            }
            full.append(sum)
        }
        return Array(full.dropFirst(tail.count))
    }
}
