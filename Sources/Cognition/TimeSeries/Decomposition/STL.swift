/// The loops of STL; see ``SeasonalDecomposition``.
struct STL {
    private let period: Int
    private let seasonal: LoessSmoother
    private let trend: LoessSmoother
    private let lowPass: LoessSmoother

    init(period: Int, seasonalWindow: Int) {
        func odd(_ length: Int) -> Int { max(3, length % 2 == 0 ? length + 1 : length) }
        self.period = period
        let window = odd(seasonalWindow)
        seasonal = LoessSmoother(window: window, degree: 1)
        let length = (1.5 * Double(period) / (1 - 1.5 / Double(window))).rounded(.up)
        trend = LoessSmoother(window: odd(Int(length)), degree: 1)
        lowPass = LoessSmoother(window: odd(period + 1), degree: 1)
    }

    func fit(_ values: [Double], isRobust: Bool) -> (season: [Double], trend: [Double]) {
        var trendValues = Array(repeating: 0.0, count: values.count)
        var season = trendValues
        var weights: [Double]?
        for _ in 0...(isRobust ? 15 : 0) {
            for _ in 0..<(isRobust ? 2 : 5) {
                let detrended = values.indices.map { values[$0] - trendValues[$0] }
                let cycle = cycleSubseries(detrended, weights)
                let low = lowPass.smooth(movingAverages(cycle), weights: nil)
                season = values.indices.map { cycle[period + $0] - low[$0] }
                trendValues = trend.smooth(values.indices.map { values[$0] - season[$0] }, weights: weights)
            }
            if isRobust { weights = robustness(values.indices.map { values[$0] - season[$0] - trendValues[$0] }) }
        }
        return (season, trendValues)
    }

    /// Each phase of the season smoothed over the years, one period longer at either end.
    private func cycleSubseries(_ values: [Double], _ weights: [Double]?) -> [Double] {
        var result = Array(repeating: 0.0, count: values.count + 2 * period)
        for phase in 0..<period {
            let places = Array(stride(from: phase, to: values.count, by: period))
            let part = places.map { values[$0] }
            let own = weights.map { weights in places.map { weights[$0] } }
            let smooth = seasonal.smooth(part, weights: own)
            let count = part.count
            let before = seasonal.estimate(
                part, at: -1, from: 0, to: min(seasonal.window, count) - 1, weights: own)
            let after = seasonal.estimate(
                part, at: Double(count), from: max(0, count - seasonal.window), to: count - 1, weights: own)
            let extended = [before ?? smooth[0]] + smooth + [after ?? smooth[count - 1]]
            for (index, value) in extended.enumerated() { result[index * period + phase] = value }
        }
        return result
    }

    private func movingAverages(_ values: [Double]) -> [Double] {
        Self.average(Self.average(Self.average(values, period), period), 3)
    }

    private static func average(_ values: [Double], _ length: Int) -> [Double] {
        var sum = values.prefix(length).reduce(0, +)
        var result = [sum / Double(length)]
        for index in length..<max(length, values.count) {
            sum += values[index] - values[index - length]
            result.append(sum / Double(length))
        }
        return result
    }

    /// Bisquare weights by the residuals (section 2.4).
    private func robustness(_ residuals: [Double]) -> [Double] {
        let sizes = residuals.map { abs($0) }
        let bound = 6 * Statistics.median(sizes)
        return sizes.map { size in
            guard size > 0.001 * bound else { return 1 }
            guard size <= 0.999 * bound else { return 0 }
            let share = size / bound
            return (1 - share * share) * (1 - share * share)
        }
    }
}
