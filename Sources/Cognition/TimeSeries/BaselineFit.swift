/// Learns a ``Baseline``: cleans the history, chooses the season, measures the spread.
enum BaselineFit {
    /// Older points than this before the newest one are left out, milliseconds: 92 days.
    private static let longest: Int64 = 92 * SeasonalProfile.day

    static func learn(_ samples: [Sample], _ configuration: BaselineConfiguration) throws(BaselineError) -> Baseline {
        let all = cleaned(samples)
        let oldest = (all.last?.timestamp ?? 0).subtractingReportingOverflow(longest)
        let usable = oldest.overflow ? all : all.filter { $0.timestamp >= oldest.partialValue }
        let coverage = coverage(of: usable, step: configuration.stepMilliseconds)
        // Histories asked for by days are short of them by a step or so: two hundredths are let pass.
        guard let first = usable.first, let last = usable.last, usable.count >= Baseline.minimumPoints,
            coverage.days >= 0.98 * configuration.minimumDays
        else {
            throw .insufficientData(
                haveDays: coverage.days, needDays: configuration.minimumDays, points: usable.count)
        }
        let local = configuration.calendar ?? LocalCalendar(offsetSeconds: configuration.utcOffsetSeconds)
        let calendar = SeasonCalendar(usable, calendar: local, stepMilliseconds: coverage.step)
        let choice = calendar.choose(minimumGain: configuration.minimumSeasonGain)
        let end = last.timestamp
        let residuals = usable.map { sample in
            let age = (Double(end) - Double(sample.timestamp)) / Double(SeasonalProfile.day)
            return sample.value + calendar.slopePerDay * age - choice.profile.value(at: sample.timestamp)
        }
        let scale = scale(of: residuals)
        let spread = calendar.spread(of: residuals, overall: scale)
        let scaled = zip(usable, residuals).map { sample, residual in
            residual
                / max(
                    spread.value(at: sample.timestamp), configuration.absoluteScaleFloor,
                    configuration.relativeScaleFloor * abs(sample.value - residual))
        }
        let share = coverage.days / configuration.fullConfidenceDays
        return Baseline(
            points: usable.count, spanDays: days(from: first.timestamp, to: last.timestamp),
            confidence: share >= 0.98 ? 1 : share, season: choice.season, seasonReason: choice.reason,
            seasonStrength: choice.gain, learnedFrom: first.timestamp, learnedTo: last.timestamp,
            configuration: configuration, level: choice.profile,
            meanLevel: choice.profile.values.reduce(0) { $0 + $1 / Double(choice.profile.values.count) },
            spread: spread, scale: max(scale, configuration.absoluteScaleFloor), tailBelow: tail(scaled.map { -$0 }),
            tailAbove: tail(scaled))
    }

    /// Usable samples in order of time, the last one given of each timestamp.
    static func cleaned(_ samples: [Sample]) -> [Sample] {
        let order = samples.indices.filter { samples[$0].isUsable }
            .sorted { (samples[$0].timestamp, $0) < (samples[$1].timestamp, $1) }
        var result: [Sample] = []
        result.reserveCapacity(order.count)
        for index in order {
            if result.last?.timestamp == samples[index].timestamp { result.removeLast() }
            result.append(samples[index])
        }
        return result
    }

    /// Robust scale; of a series that is constant most of the time its rare changes set the scale.
    static func scale(of residuals: [Double]) -> Double {
        let robust = Statistics.robustScale(residuals, around: 0)
        return robust > 0 ? robust : Statistics.trimmedDeviation(sorted: residuals.sorted())
    }

    /// How much farther than a normal distribution's the 99.5 % quantile of scaled residuals is, in [1,4].
    private static func tail(_ scaled: [Double]) -> Double {
        let quantile = Statistics.quantile(sorted: scaled.sorted(), 0.995)
        return quantile.isFinite ? max(1, min(4, quantile / 2.576)) : 1
    }

    private static func days(from: Int64, to: Int64) -> Double {
        (Double(to) - Double(from)) / Double(SeasonalProfile.day)
    }

    /// Days without gaps, each point standing for one step, and the median distance of the points in milliseconds.
    private static func coverage(of samples: [Sample], step: Int64) -> (days: Double, step: Double) {
        guard samples.count > 1 else { return (0, Double(step)) }
        let distances = zip(samples, samples.dropFirst()).map { Double($1.timestamp) - Double($0.timestamp) }
        let median = Statistics.median(distances)
        let longest = 10 * max(median, Double(step))
        let covered = distances.reduce(median) { $0 + ($1 > longest ? median : $1) }
        return (covered / Double(SeasonalProfile.day), median)
    }
}
