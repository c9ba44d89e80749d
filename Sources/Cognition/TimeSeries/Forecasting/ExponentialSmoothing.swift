#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Additive exponential smoothing with a damped trend and one season: ETS(A,Ad,A), or ETS(A,Ad,N) without a season
/// (Hyndman, Koehler, Ord and Snyder 2008, chapter 2).
///
/// The smoothing parameters minimise the squared one-step errors; the first states are taken from the first two to
/// four seasons (section 2.6.1). The spread of the forecast is that of the class-1 model (table 6.2). State: one season and 10 words.
package struct ExponentialSmoothing: Forecaster {
    /// Name in configurations and explanations.
    package static let name = "exponential-smoothing"
    /// Fewer usable points are not forecast.
    package static let minimumPoints = 10

    /// Weights in [0,1] of the newest error for the level, the slope and the season, and the damping of the slope.
    package struct Parameters: Sendable, Equatable, Codable {
        package var level = 0.3
        package var trend = 0.05
        package var season = 0.1
        package var damping = 0.95
    }

    /// Level, slope and the last season, oldest value first.
    package struct State: Sendable, Equatable, Codable {
        package var level: Double
        package var slope: Double
        package var season: [Double]
    }

    /// What the errors weigh.
    package let parameters: Parameters
    private let state: State
    private let variance: Double
    /// Of the squared one-step errors.
    let sumOfSquares: Double

    /// Fits the first season that the history holds twice; the others are not used.
    package init(fitting history: [Double], seasons: [Int]) throws(ForecastError) {
        let values = FilledHistory.filled(history)
        guard values.count >= Self.minimumPoints else {
            throw .insufficientData(have: values.count, need: Self.minimumPoints)
        }
        let period = FilledHistory.seasons(seasons, points: values.count).first ?? 0
        let start = Self.start(values, period: period)
        let spread = max(1e-300, values.reduce(0) { max($0, abs($1 - values[0])) })
        let best = NelderMead.minimise(
            from: [-0.8, -3, -2.2, 3], step: 1, evaluations: 400, tolerance: 1e-9
        ) { raw in
            let run = Self.run(values, start, Self.parameters(raw))
            return log(max(1e-300, run.squares / spread / spread / Double(values.count)))
        }
        parameters = Self.parameters(best.point)
        let run = Self.run(values, start, parameters)
        state = run.state
        sumOfSquares = run.squares
        variance = run.squares / Double(max(1, values.count - 4))
    }

    /// With parameters and first states that are known.
    init(_ values: [Double], parameters: Parameters, start: State) {
        self.parameters = parameters
        let run = Self.run(values, start, parameters)
        state = run.state
        sumOfSquares = run.squares
        variance = run.squares / Double(max(1, values.count))
    }

    /// The distribution of the next values.
    package func forecast(horizon: Int) -> ForecastPath {
        var means: [Double] = []
        var deviations: [Double] = []
        var slope = 0.0
        var damped = 1.0
        var sum = 1.0
        for step in Self.steps(horizon) {
            damped *= parameters.damping
            slope += damped
            let period = state.season.count
            means.append(state.level + slope * state.slope + (period > 0 ? state.season[step % period] : 0))
            deviations.append((variance * sum).squareRoot())
            let response =
                parameters.level + parameters.trend * slope
                + (period > 0 && (step + 1) % period == 0 ? parameters.season : 0)
            sum += response * response
        }
        return ForecastPath(means: means, deviations: deviations)
    }

    /// Whether a stored state can be gone on with.
    package var isConsistent: Bool {
        let shares = [parameters.level, parameters.trend, parameters.season, parameters.damping]
        return shares.allSatisfy { (0...1).contains($0) } && (state.season + [state.level, state.slope]).areUsable
            && (0..<1e305).contains(variance)
    }

    /// One-step errors squared and summed, the last state, and the one-step forecasts.
    static func run(
        _ values: [Double], _ start: State, _ parameters: Parameters
    ) -> (squares: Double, state: State, fitted: [Double]) {
        var state = start
        var squares = 0.0
        let period = state.season.count
        var fitted: [Double] = []
        fitted.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            let slope = parameters.damping * state.slope
            let place = period > 0 ? index % period : 0
            let forecast = state.level + slope + (period > 0 ? state.season[place] : 0)
            let error = value - forecast
            fitted.append(forecast)
            squares += error * error
            state.level += slope + parameters.level * error
            state.slope = slope + parameters.trend * error
            if period > 0 { state.season[place] += parameters.season * error }
        }
        if period > 0 {
            let turn = values.count % period
            state.season = Array(state.season[turn...] + state.season[..<turn])
        }
        return (squares, state, fitted)
    }

    /// Numbers without bounds as parameters: the trend's weight below the level's, the season's below what that leaves.
    private static func parameters(_ raw: [Double]) -> Parameters {
        func share(_ value: Double) -> Double { 1 / (1 + exp(-max(-30, min(30, value)))) }
        let level = 0.0001 + 0.9998 * share(raw[0])
        return Parameters(
            level: level, trend: level * share(raw[1]), season: (1 - level) * share(raw[2]),
            damping: 0.8 + 0.18 * share(raw[3]))
    }

    private static func start(_ values: [Double], period: Int) -> State {
        guard period > 0 else {
            let span = min(10, values.count)
            return State(level: values[0], slope: (values[span - 1] - values[0]) / Double(span - 1), season: [])
        }
        func mean(_ from: Int) -> Double {
            values[from..<(from + period)].reduce(0) { $0 + $1 / Double(period) }
        }
        let (first, second) = (mean(0), mean(period))
        let slope = (second - first) / Double(period)
        let years = min(4, values.count / period)
        let season = (0..<period).map { phase in
            (0..<years).reduce(0) { sum, year in
                let place = year * period + phase
                return sum + (values[place] - first - slope * (Double(place) - Double(period - 1) / 2)) / Double(years)
            }
        }
        return State(level: first - slope * Double(period + 1) / 2, slope: slope, season: season)
    }
}
