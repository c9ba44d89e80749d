import Foundation
import Testing

@testable import TimeSeries

/// Agreement with reference implementations; Golden/generate.py says which ones, and made the numbers.
struct GoldenTests {
    private struct Golden: Decodable {
        struct STLCase: Decodable {
            var values, trend, season, robust_trend, robust_season: [Double]
        }
        struct MSTLCase: Decodable {
            var values, trend, first, second: [Double]
        }
        struct Decompositions: Decodable {
            var stl: STLCase
            var mstl: MSTLCase
        }
        struct Smoothing: Decodable {
            var values, season, fitted, forecast: [Double]
            var level, slope, sse, best_sse: Double
        }
        struct ARIMACase: Decodable {
            var ar, d, ma, sar, sd, sma, period: Int
            var coefficients, forecast, deviations: [Double]
            var variance, log_likelihood, best: Double
        }
        struct ARIMA: Decodable {
            var values: [Double]
            var cases: [ARIMACase]
        }
        struct Prophet: Decodable {
            var values, forecast, lower, upper: [Double]
        }
        struct Support: Decodable {
            var points, asked: [[Double]]
            var decisions: [Double]
            var nu, gamma: Double
        }
        struct RandomCut: Decodable {
            var points: [[Double]]
            var displacements: [Double]
        }
        struct Isolation: Decodable {
            var points: [[Double]]
            var scores: [Double]
        }
        struct Change: Decodable {
            var values, newest, last: [Double]
            var hazard, delta, threshold, alpha: Double
            var page_hinkley: Int
        }
        struct Discord: Decodable {
            var values: [Double]
            var left: [Double?]
        }
        struct Simple: Decodable {
            var values, cdf: [Double]
            var median, q25, q995, mad: Double
        }
        var decomposition: Decompositions
        var smoothing: Smoothing
        var arima: ARIMA
        var prophet: Prophet
        var support: Support
        var random_cut: RandomCut
        var isolation: Isolation
        var change: Change
        var discord: Discord
        var simple: Simple
    }

    private let golden: Golden

    init() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Golden/golden.json")
        golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    }

    private func distance(_ one: [Double], _ other: [Double]) -> Double {
        guard one.count == other.count else { return .infinity }
        return zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    @Test func statisticsAreThoseOfSciPy() {
        let values = golden.simple.values
        let sorted = values.sorted()
        #expect(abs(Statistics.median(values) - golden.simple.median) < 1e-12)
        #expect(abs(Statistics.quantile(sorted: sorted, 0.25) - golden.simple.q25) < 1e-12)
        #expect(abs(Statistics.quantile(sorted: sorted, 0.995) - golden.simple.q995) < 1e-12)
        // 1.4826 has five digits.
        let scale = Statistics.robustScale(values, around: golden.simple.median)
        #expect(abs(scale / golden.simple.mad - 1) < 1e-4)
        let cdf = [-3.0, -1, 0, 0.5, 2.5].map(Statistics.normalCDF)
        #expect(distance(cdf, golden.simple.cdf) < 1e-12)
    }

    @Test func decompositionsAreThoseOfStatsmodels() throws {
        let one = golden.decomposition.stl
        let plain = try #require(SeasonalDecomposition.stl(one.values, period: 12))
        #expect(distance(plain.trend, one.trend) < 1e-8)
        #expect(distance(plain.seasons[0], one.season) < 1e-8)
        let robust = try #require(SeasonalDecomposition.stl(one.values, period: 12, isRobust: true))
        #expect(distance(robust.trend, one.robust_trend) < 1e-6)
        #expect(distance(robust.seasons[0], one.robust_season) < 1e-6)
        let two = golden.decomposition.mstl
        let both = try #require(SeasonalDecomposition.mstl(two.values, periods: [28, 7]))
        #expect(distance(both.trend, two.trend) < 1e-8)
        #expect(distance(both.seasons[0], two.first) < 1e-8)
        #expect(distance(both.seasons[1], two.second) < 1e-8)
    }

    @Test func smoothingIsThatOfStatsmodels() throws {
        let given = golden.smoothing
        let parameters = ExponentialSmoothing.Parameters(level: 0.4, trend: 0.05, season: 0.1, damping: 0.95)
        let start = ExponentialSmoothing.State(level: given.level, slope: given.slope, season: given.season)
        let run = ExponentialSmoothing.run(given.values, start, parameters)
        #expect(distance(run.fitted, given.fitted) < 1e-8)
        #expect(abs(run.squares / given.sse - 1) < 1e-8)
        let model = ExponentialSmoothing(given.values, parameters: parameters, start: start)
        #expect(distance(model.forecast(horizon: 18).p50, given.forecast) < 1e-8)
        // The reference also estimates the first states: ours may be a quarter worse in the sum of squares.
        let own = try ExponentialSmoothing(fitting: given.values, seasons: [12])
        #expect(own.sumOfSquares < 1.25 * given.best_sse)
    }

    @Test func likelihoodsAndForecastsOfARIMAAreThoseOfStatsmodels() throws {
        for given in golden.arima.cases {
            let order = SeasonalARIMA.Order(
                ar: given.ar, differences: given.d, ma: given.ma, seasonalAR: given.sar, seasonalDifferences: given.sd,
                seasonalMA: given.sma, period: given.period)
            let mean = golden.arima.values.reduce(0) { $0 + $1 / Double(golden.arima.values.count) }
            let isLevel = given.d + given.sd == 0
            let values = SeasonalARIMA.differenced(golden.arima.values, order).map { isLevel ? $0 - mean : $0 }
            let filter = try #require(SeasonalARIMA.filter(order, given.coefficients))
            let run = try #require(filter.run(values, variance: given.variance))
            #expect(abs(run.logLikelihood - given.log_likelihood) < 1e-6)
            let model = SeasonalARIMA(
                golden.arima.values, order, coefficients: given.coefficients, variance: given.variance)
            let path = model.forecast(horizon: 14)
            // The reference filters the levels with a diffuse start, ours the differences with an exact one.
            #expect(distance(path.p50, given.forecast) < 0.02, "\(order)")
            let deviations = zip(path.p50, path.p90).map { ($1 - $0) / ForecastPath.ninetieth }
            #expect(distance(deviations, given.deviations) < 0.02, "\(order)")
            let fit = try #require(OrderSearch(golden.arima.values, period: given.period).fit(order))
            let own = SeasonalARIMA(golden.arima.values, order, coefficients: fit.coefficients)
            // At most 0.5 short of the reference's best likelihood.
            let best = try #require(SeasonalARIMA.filter(order, own.coefficients)?.run(values)).logLikelihood
            #expect(best > given.best - 0.5, "\(order)")
        }
    }

    @Test func supportVectorsDecideAsThoseOfScikitLearn() throws {
        let given = golden.support
        let machine = try #require(
            OneClassSupport(given.points, nu: given.nu, gamma: given.gamma, tolerance: 1e-8))
        #expect(distance(given.asked.map(machine.decision), given.decisions) < 1e-4)
    }

    @Test func displacementsAreThoseOfTheReferenceForest() {
        let given = golden.random_cut
        var total = Array(repeating: 0.0, count: given.points.count)
        let trees = 400
        for seed in 0..<UInt64(trees) {
            var tree = RandomCutTree(dimensions: 2, seed: seed &* 7_919 &+ 1)
            let leaves = given.points.map { tree.insert($0) }
            for (index, leaf) in leaves.enumerated() { total[index] += tree.displacement(leaf) / Double(trees) }
        }
        // Two random forests of 400 trees: a fifth for each point, three hundredths for their mean.
        for (own, reference) in zip(total, given.displacements) { #expect(abs(own / reference - 1) < 0.2) }
        let (own, reference) = (total.reduce(0, +), given.displacements.reduce(0, +))
        #expect(abs(own - reference) < 0.03 * reference)
        #expect(total.indices.max { total[$0] < total[$1] } == 10)
    }

    @Test func isolationIsThatOfScikitLearn() {
        let given = golden.isolation
        var generator = SplitMix64(seed: 3)
        let forest = (0..<400).map { _ in
            IsolationTree(Array(given.points.shuffled(using: &generator).prefix(64)), using: &generator)
        }
        let scores = given.points.map { point in
            exp2(-forest.reduce(0) { $0 + $1.depth(of: point) / 400 } / IsolationTree.expectedDepth(64))
        }
        #expect(scores.indices.max { scores[$0] < scores[$1] } == 5)
        // Ours also counts cuts between a point and all others, so that points at the rim score higher: the ranks agree.
        #expect(correlation(ranks(scores), ranks(given.scores)) > 0.95)
    }

    private func ranks(_ values: [Double]) -> [Double] {
        var result = Array(repeating: 0.0, count: values.count)
        for (rank, index) in values.indices.sorted(by: { values[$0] < values[$1] }).enumerated() {
            result[index] = Double(rank)
        }
        return result
    }

    private func correlation(_ one: [Double], _ other: [Double]) -> Double {
        let (first, second) = (one.reduce(0, +) / Double(one.count), other.reduce(0, +) / Double(other.count))
        let both = zip(one, other).reduce(0) { $0 + ($1.0 - first) * ($1.1 - second) }
        let spread = one.reduce(0) { $0 + ($1 - first) * ($1 - first) }
        return both / (spread * other.reduce(0) { $0 + ($1 - second) * ($1 - second) }).squareRoot()
    }

    @Test func runLengthsAreThoseOfThePaper() {
        let given = golden.change
        var posterior = RunLengthPosterior(hazard: given.hazard, capacity: 200)
        var newest: [Double] = []
        for value in given.values {
            posterior.update(value)
            newest.append(posterior.probabilities[0])
        }
        #expect(distance(newest, given.newest) < 1e-9)
        #expect(distance(posterior.probabilities, given.last) < 1e-9)
    }

    @Test func pageHinkleyAlarmsWhereThatOfRiverDoes() {
        let given = golden.change
        var test = PageHinkley(tolerance: given.delta, keeping: given.alpha)
        let first = given.values.firstIndex { test.update($0) > given.threshold }
        #expect(first == given.page_hinkley)
    }

    @Test func leftMatrixProfileIsTheBruteForceOne() {
        var detector = MatrixProfileDetector()
        let distances = golden.discord.values.map { detector.distance($0) }
        for (start, reference) in golden.discord.left.enumerated() {
            let own = distances[start + MatrixProfileDetector.length - 1]
            #expect((own == nil) == (reference == nil))
            if let own, let reference { #expect(abs(own - reference) < 1e-6) }
        }
    }

    @Test func additiveModelForecastsLikeProphet() throws {
        let given = golden.prophet
        let model = try AdditiveModel(fitting: given.values, seasons: [24, 168])
        let path = model.forecast(horizon: 48)
        // A twentieth of the range of 40; the references differ by their priors.
        #expect(distance(path.p50, given.forecast) < 2)
        let width = zip(path.p90, path.p10).reduce(0) { $0 + $1.0 - $1.1 }
        let reference = zip(given.upper, given.lower).reduce(0) { $0 + $1.0 - $1.1 }
        #expect((0.7...1.4).contains(width / reference))
    }
}
