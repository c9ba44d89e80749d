#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The stepwise search for the order of a seasonal ARIMA model.
struct OrderSearch {
    /// A fitted candidate.
    struct Fit {
        var order: SeasonalARIMA.Order
        var coefficients: [Double]
        /// Corrected information criterion (Hurvich and Tsai 1989).
        var criterion: Double
    }

    /// Models that are fitted at most, and evaluations of the likelihood for each of their coefficients.
    private static let models = 14
    private static let evaluations = 60
    /// Strength from which a season is differenced (Hyndman and Athanasopoulos, section 9.1).
    private static let strong = 0.64

    private let values: [Double]
    private let base: SeasonalARIMA.Order

    init(_ values: [Double], period: Int) {
        self.values = values
        var base = SeasonalARIMA.Order()
        if period > 1, values.count >= 3 * period {
            base.period = period
            let strength = SeasonalDecomposition.stl(values, period: period)?.strength(ofSeason: 0) ?? 0
            base.seasonalDifferences = strength >= Self.strong ? 1 : 0
        }
        // Only of a walk, or nearly one, the differences are less than half as wide.
        for _ in 0..<2 {
            var next = base
            next.differences += 1
            guard Self.spread(values, next) < 0.5 * Self.spread(values, base) else { break }
            base = next
        }
        self.base = base
    }

    private static func spread(_ values: [Double], _ order: SeasonalARIMA.Order) -> Double {
        let differenced = SeasonalARIMA.differenced(values, order)
        let mean = differenced.reduce(0) { $0 + $1 / Double(differenced.count) }
        return (differenced.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(differenced.count)).squareRoot()
    }

    /// The best model of those that were tried.
    func best() -> Fit {
        var tried: Set<SeasonalARIMA.Order> = []
        var best = Fit(order: base, coefficients: [], criterion: .infinity)
        let isSeasonal = base.period > 1
        func consider(_ ar: Int, _ ma: Int, _ seasonalAR: Int, _ seasonalMA: Int) -> Bool {
            guard (0...4).contains(ar), (0...4).contains(ma), (0...1).contains(seasonalAR),
                (0...1).contains(seasonalMA), tried.count < Self.models
            else { return false }
            var order = base
            (order.ar, order.ma) = (ar, ma)
            if isSeasonal { (order.seasonalAR, order.seasonalMA) = (seasonalAR, seasonalMA) }
            guard tried.insert(order).inserted, let fit = fit(order), fit.criterion < best.criterion else {
                return false
            }
            best = fit
            return true
        }
        for start in [(0, 0, 0, 0), (1, 0, 1, 0), (0, 1, 0, 1), (2, 2, 1, 1)] {
            _ = consider(start.0, start.1, start.2, start.3)
        }
        var isBetter = true
        while isBetter, tried.count < Self.models {
            let now = best.order
            let steps = [
                (1, 0, 0, 0), (-1, 0, 0, 0), (0, 1, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 1),
                (0, 0, 0, -1), (1, 1, 0, 0), (-1, -1, 0, 0),
            ]
            isBetter = steps.contains { step in
                consider(
                    now.ar + step.0, now.ma + step.1, now.seasonalAR + step.2, now.seasonalMA + step.3)
            }
        }
        return best
    }

    /// The most likely coefficients of an order; `nil` when nothing can be fitted.
    func fit(_ order: SeasonalARIMA.Order) -> Fit? {
        var differenced = SeasonalARIMA.differenced(values, order)
        if order.differences + order.seasonalDifferences == 0 {
            let mean = differenced.reduce(0) { $0 + $1 / Double(differenced.count) }
            differenced = differenced.map { $0 - mean }
        }
        let size = differenced.reduce(0) { max($0, abs($1)) }
        guard size > 0, differenced.count > 2 * order.parameters + order.period + 4 else { return nil }
        let scaled = differenced.map { $0 / size }
        func negative(_ coefficients: [Double]) -> Double {
            guard let run = SeasonalARIMA.filter(order, coefficients)?.run(scaled) else { return .infinity }
            return -run.logLikelihood
        }
        let start = start(scaled, order, negative)
        guard order.parameters > 0 else { return rated(order, [], -negative([]), scaled.count) }
        let found = NelderMead.minimise(
            from: start, step: 0.1, evaluations: Self.evaluations * order.parameters, tolerance: 1e-5, negative)
        return rated(order, found.point, -found.value, scaled.count)
    }

    private func rated(
        _ order: SeasonalARIMA.Order, _ coefficients: [Double], _ logLikelihood: Double, _ count: Int
    ) -> Fit? {
        guard logLikelihood.isFinite else { return nil }
        let parameters = Double(order.parameters + 1)
        let correction = 2 * parameters * (parameters + 1) / max(1, Double(count) - parameters - 1)
        return Fit(
            order: order, coefficients: coefficients, criterion: 2 * parameters - 2 * logLikelihood + correction)
    }

    /// Hannan and Rissanen: a long autoregression gives innovations, a regression on values and innovations before
    /// gives the coefficients; zeros where that is not stationary and invertible.
    private func start(
        _ values: [Double], _ order: SeasonalARIMA.Order, _ negative: ([Double]) -> Double
    ) -> [Double] {
        let zeros = Array(repeating: 0.0, count: order.parameters)
        let long = min(values.count / 4, max(order.ar + order.ma + 4, order.period > 1 ? order.period + 2 : 0))
        guard order.parameters > 0, long > 0,
            let auto = Self.regression(values, (1...long).map { ($0, values) }, from: long)
        else { return zeros }
        var innovations = Array(repeating: 0.0, count: values.count)
        for index in long..<values.count {
            innovations[index] = values[index] - (1...long).reduce(0) { $0 + auto[$1 - 1] * values[index - $1] }
        }
        var columns: [(Int, [Double])] = []
        columns += (0..<order.ar).map { ($0 + 1, values) }
        columns += (0..<order.ma).map { ($0 + 1, innovations) }
        columns += (0..<order.seasonalAR).map { (order.period * ($0 + 1), values) }
        columns += (0..<order.seasonalMA).map { (order.period * ($0 + 1), innovations) }
        let first = long + (columns.map(\.0).max() ?? 0)
        guard let coefficients = Self.regression(values, columns, from: first) else { return zeros }
        return negative(coefficients) < negative(zeros) ? coefficients : zeros
    }

    /// Least squares of values on lagged columns.
    private static func regression(_ values: [Double], _ columns: [(lag: Int, of: [Double])], from: Int) -> [Double]? {
        guard from + columns.count < values.count else { return nil }
        let size = columns.count
        var matrix = Array(repeating: 0.0, count: size * size)
        var right = Array(repeating: 0.0, count: size)
        for row in from..<values.count {
            for (index, column) in columns.enumerated() {
                let value = column.of[row - column.lag]
                right[index] += value * values[row]
                for (place, other) in columns.enumerated().prefix(index + 1) {
                    matrix[index * size + place] += value * other.of[row - other.lag]
                }
            }
        }
        for index in 0..<size { matrix[index * size + index] += 1e-8 * (1 + matrix[index * size + index]) }
        return CholeskyFactor(matrix, size: size)?.solve(right)
    }
}
