#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Local models of one series with and without its season, each weighted by how well it would have forecast the recent
/// past.
///
/// Rolling-origin evaluation (Tashman 2000, "Out-of-sample tests of forecasting accuracy") at several leads; newer
/// origins count more. A model's weight falls with a power of its error relative to the pool's, and the spread of its
/// errors at a lead is the spread of its forecast there.
struct ForecastPool {
    /// A model with its season, weight, path from now, and error by lead.
    struct Member {
        var model: LocalModel
        var isSeasonal: Bool
        var weight: Double
        var path: LocalPath
        /// Standard deviation of its error at each of the pool's leads.
        var errors: [Double]
    }

    private static let hour = 3_600.0
    private static let power = 6.0
    /// Origins lose half of their weight in so many seconds.
    private static let halfLife = 9 * hour

    let series: UniformSeries
    /// The series without its season, when it has one.
    let plain: UniformSeries?
    private let season: (Int64) -> Double
    /// Leads of the back-tests in seconds.
    let leads: [Double]
    private(set) var members: [Member] = []

    /// - Parameters:
    ///   - series: at least a dozen points.
    ///   - horizon: seconds.
    ///   - allowsTrends: whether a significant trend was found.
    ///   - season: seasonal part at an instant; `nil` without a season.
    init(_ series: UniformSeries, horizon: Double, allowsTrends: Bool, season: ((Int64) -> Double)?) {
        self.series = series
        self.season = season ?? { _ in 0 }
        self.plain = season.map { season in series.mapped { $1 - season(series.time($0)) } }
        let span = Double(series.count - 1) * series.step
        let wanted = [horizon / 12, horizon / 6, horizon / 3, horizon * 2 / 3, horizon]
        let possible = wanted.filter { $0 <= span / 2 }
        self.leads = possible.isEmpty ? [max(series.step, span / 4)] : possible
        let origins = origins()
        var candidates: [Member] = []
        for isSeasonal in plain == nil ? [false] : [false, true] {
            for model in models(isSeasonal: isSeasonal) where allowsTrends || !model.isTrend {
                guard let path = model.path(base(isSeasonal), from: series.count - 1) else { continue }
                let errors = backTest(model, isSeasonal, origins)
                guard !errors.contains(where: { !$0.isFinite }) else { continue }
                candidates.append(Member(model: model, isSeasonal: isSeasonal, weight: 0, path: path, errors: errors))
            }
        }
        members = Self.weighted(candidates)
    }

    /// Value of a member so many seconds from now.
    func value(_ member: Member, after seconds: Double) -> Double {
        let value = member.path.value(base(member.isSeasonal), after: seconds)
        return member.isSeasonal ? value + season(series.end &+ Int64(seconds * 1_000)) : value
    }

    /// Standard deviation of a member's error so many seconds from now, by interpolation between the leads.
    func deviation(_ member: Member, after seconds: Double) -> Double {
        guard let first = leads.first, let last = leads.last, let firstError = member.errors.first,
            let lastError = member.errors.last
        else { return 0 }
        // Before the first lead it grows like a random walk from the noise, beyond the last one like a wrong slope.
        if seconds <= first { return firstError * (0.3 + 0.7 * seconds / first) }
        if seconds >= last { return lastError * seconds / last }
        let index = (leads.firstIndex { $0 >= seconds } ?? 1)
        let share = (seconds - leads[index - 1]) / (leads[index] - leads[index - 1])
        return member.errors[index - 1] * (1 - share) + member.errors[index] * share
    }

    /// The series that a member continues.
    func base(_ isSeasonal: Bool) -> UniformSeries { isSeasonal ? plain ?? series : series }

    private func models(isSeasonal: Bool) -> [LocalModel] {
        var models: [LocalModel] = [.level]
        for hours in [1.0, 2, 4, 8, 24, 72] { models.append(.line(window: hours * Self.hour)) }
        models.append(.damped(window: 2 * Self.hour, fading: 4 * Self.hour))
        for hours in [6.0, 12] { models.append(.curve(window: hours * Self.hour)) }
        for hours in [24.0, 72] {
            models += [
                .onset(window: hours * Self.hour, isCurved: false), .onset(window: hours * Self.hour, isCurved: true),
            ]
        }
        guard !isSeasonal else { return models }
        let day = Int((24 * Self.hour / series.step).rounded())
        guard day > 1 else { return models }
        models += [.repetition(period: day, isMoved: true), .repetition(period: day, isMoved: false)]
        if let period = Self.period(of: series, longest: day * 3 / 4) {
            models += [.repetition(period: period, isMoved: true), .repetition(period: period, isMoved: false)]
        }
        return models
    }

    /// Indices of past points from which forecasts are tried: every twelfth of the horizon, for twelve of them, then
    /// every half horizon for three days.
    private func origins() -> [Int] {
        let last = series.count - 1
        let unit = max(1, Int(leads[0] / series.step))
        let near = (1...24).map { last - $0 * unit }
        let far = (1...10).map { last - 24 * unit - $0 * unit * 6 }
        return (near + far).filter { $0 >= 0 }
    }

    /// Weighted mean error at each lead, as a standard deviation.
    private func backTest(_ model: LocalModel, _ isSeasonal: Bool, _ origins: [Int]) -> [Double] {
        let base = base(isSeasonal)
        var sums = Array(repeating: 0.0, count: leads.count)
        var weights = Array(repeating: 0.0, count: leads.count)
        for origin in origins {
            guard let path = model.path(base, from: origin) else { continue }
            let age = Double(series.count - 1 - origin) * series.step
            let weight = exp2(-age / Self.halfLife)
            for (index, lead) in leads.enumerated() {
                let target = origin + Int((lead / series.step).rounded())
                guard target < series.count else { continue }
                var error = abs(path.value(base, after: lead) - base.values[target])
                if !error.isFinite { error = 1e150 }
                sums[index] += weight * error
                weights[index] += weight
            }
        }
        return zip(sums, weights).map { $1 > 0 ? 1.2533 * $0 / $1 : .infinity }
    }

    private static func weighted(_ members: [Member]) -> [Member] {
        guard let first = members.first else { return [] }
        let typical = first.errors.indices.map { index in Statistics.median(members.map { $0.errors[index] }) }
        let totals = members.map { member in
            zip(member.errors, typical).reduce(0) { $0 + ($1.1 > 0 ? $1.0 / $1.1 : 0) } / Double(typical.count)
        }
        let best = max(totals.min() ?? 0, 1e-6)
        var result = members
        for (index, total) in totals.enumerated() { result[index].weight = pow(best / max(total, best), power) }
        let sum = result.reduce(0) { $0 + $1.weight }
        for index in result.indices { result[index].weight /= sum }
        return result.filter { $0.weight > 0.005 }
    }

    /// The period after which a series is most like itself, in points; `nil` when it is not.
    private static func period(of series: UniformSeries, longest: Int) -> Int? {
        let length = min(series.count, 3 * max(1, longest))
        let values = Array(series.values.suffix(length))
        let mean = values.reduce(0) { $0 + $1 / Double(length) }
        let centered = values.map { $0 - mean }
        let variance = centered.reduce(0) { $0 + $1 * $1 }
        let shortest = max(6, Int(hour / series.step))
        guard variance > 0, variance.isFinite, shortest < min(longest, length / 3) else { return nil }
        var correlations: [Double] = []
        for lag in (shortest - 1)...min(longest, length / 3) {
            var sum = 0.0
            for index in lag..<length { sum += centered[index] * centered[index - lag] }
            correlations.append(sum / variance * Double(length) / Double(length - lag))
        }
        var best: (lag: Int, correlation: Double)?
        for index in correlations.indices.dropFirst().dropLast()
        where correlations[index] > correlations[index - 1] && correlations[index] >= correlations[index + 1] {
            // A later period must be clearly better than an earlier one, of which it may be a multiple.
            if correlations[index] > 0.4, correlations[index] > (best?.correlation ?? 0) + 0.05 {
                best = (index + shortest - 1, correlations[index])
            }
        }
        return best?.lag
    }
}
