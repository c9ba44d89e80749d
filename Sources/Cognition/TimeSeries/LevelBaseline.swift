/// The level of a series that does not repeat itself, in the state of a cheap detector: a robust location and scale that
/// follow the series within about a day.
///
/// The cheap tier: with a detector on its band it takes less than 512 bytes a series and 25 ns a sample
/// (`sre-bench throughput`), and a tenth of a day of history is enough. The analyzer watches with `Baseline`, whose seasons
/// most series of an estate need; this one is for programs that embed the library and watch millions of series, and the
/// second model that keeps `BaselineModel` free of what only a seasonal one has. State: 56 bytes.
package struct LevelBaseline: BaselineModel {
    /// Name in snapshots and explanations.
    package static let name = "level-baseline"
    /// Version of the stored state.
    package static let snapshotVersion = 1
    private static let leastDays = 0.1

    private var level: Double
    private var scale: Double
    private var floor: Double
    private var relativeFloor: Double
    private var points: Int
    private var days: Double
    private var last: Int64

    /// Learns the median and the median absolute deviation.
    ///
    /// - Throws: `BaselineError` for fewer than 24 points or a tenth of a day.
    package static func learn(
        from samples: [Sample], configuration: BaselineConfiguration = .init()
    ) throws(BaselineError) -> LevelBaseline {
        let usable = BaselineFit.cleaned(samples)
        let span =
            (Double(usable.last?.timestamp ?? 0) - Double(usable.first?.timestamp ?? 0)) / Double(SeasonalProfile.day)
        guard usable.count >= Baseline.minimumPoints, span >= leastDays, let last = usable.last else {
            throw .insufficientData(haveDays: span, needDays: leastDays, points: usable.count)
        }
        let values = usable.map(\.value)
        let level = Statistics.median(values)
        return LevelBaseline(
            level: level, scale: BaselineFit.scale(of: values.map { $0 - level }),
            floor: configuration.absoluteScaleFloor, relativeFloor: configuration.relativeScaleFloor,
            points: usable.count, days: span, last: last.timestamp)
    }

    private init(
        level: Double, scale: Double, floor: Double, relativeFloor: Double, points: Int, days: Double, last: Int64
    ) {
        self.level = level
        self.scale = scale
        self.floor = floor
        self.relativeFloor = relativeFloor
        self.points = points
        self.days = days
        self.last = last
    }

    /// The level, three scales around it.
    package func band(at timestamp: Int64) -> Band {
        let width = max(scale, floor, relativeFloor * abs(level))
        return Band(expected: level, lower: level - 3 * width, upper: level + 3 * width, scale: width)
    }

    /// Moves level and scale towards a sample with a time constant of a day; one outside of the band counts as its edge.
    package mutating func update(_ sample: Sample) {
        guard sample.isUsable, sample.timestamp > last else { return }
        // After a gap a single sample must not count for all the time that is missing.
        let elapsed = min(Double(sample.timestamp) - Double(last), 600_000)
        last = sample.timestamp
        // 1 - exp(-share), to seven digits for shares below a hundredth.
        let share = elapsed / Double(SeasonalProfile.day)
        let weight = share - share * share / 2
        let band = band(at: sample.timestamp)
        let residual = max(band.lower, min(band.upper, sample.value)) - level
        level += weight * residual
        // The mean absolute residual of normal noise is 0.8 of its standard deviation.
        scale += weight * (1.2533 * abs(residual) - scale)
    }

    /// Level and scale, and the history behind them.
    package var summary: String {
        "a level of \(level) ± \(scale); learned from \(points) points over \((days * 10).rounded() / 10) days"
    }
}
