/// A history laid out as days × buckets, from which seasons are fitted and judged.
struct SeasonCalendar {
    /// A fitted season.
    struct Choice {
        var season: Season
        var reason: String
        /// Share by which it shrinks the residuals of days it has not seen, in [0,1].
        var gain: Double
        var profile: SeasonalProfile
    }

    private let calendar: LocalCalendar
    private let buckets: Int
    /// Mean place of the points within their buckets, in [0,1).
    private let center: Double
    private let weekdays: [Int]
    /// Median of each day's bucket without the trend, `nil` without points.
    private let cells: [[Double?]]
    private let overall: Double
    private let samples: [Sample]
    /// Units a day by which the level moves steadily; 0 where it does not.
    let slopePerDay: Double

    /// Days from which on a trend is looked for, and the share by which it must shrink the residuals of days it has not
    /// seen.
    private static let leastTrendDays = 4
    private static let trendGain = 0.5

    /// - Parameters:
    ///   - samples: usable, ascending, at least one.
    ///   - calendar: local time and holidays.
    ///   - stepMilliseconds: median distance of the samples.
    init(_ samples: [Sample], calendar: LocalCalendar, stepMilliseconds: Double) {
        self.samples = samples
        self.calendar = calendar
        // Half hours of at least two points, or hours of at least one.
        buckets = stepMilliseconds <= 900_000 ? 48 : stepMilliseconds <= 3_600_000 ? 24 : 12
        var fractions = 0.0
        var numbers: [Int64] = []
        var values: [[[Double]]] = []
        for sample in samples {
            let local = calendar.local(sample.timestamp)
            let number = SeasonalProfile.dayNumber(local)
            if numbers.last != number {
                numbers.append(number)
                values.append(Array(repeating: [], count: buckets))
            }
            let time = local &- number &* SeasonalProfile.day
            let bucket = min(buckets - 1, Int(time * Int64(buckets) / SeasonalProfile.day))
            values[values.count - 1][bucket].append(sample.value)
            fractions += Double(time) * Double(buckets) / Double(SeasonalProfile.day) - Double(bucket)
        }
        center = fractions / Double(samples.count)
        weekdays = numbers.map(calendar.weekday)
        let medians = values.map { $0.map { $0.isEmpty ? nil : Statistics.median($0) } }
        let levels = zip(numbers, medians).map { number, row in
            (day: Double(number), level: Statistics.median(row.compactMap { $0 }))
        }
        let slope = Self.trend(levels)
        slopePerDay = slope
        let (end, count) = (Double(numbers.last ?? 0) + 1, Double(buckets))
        cells = zip(numbers, medians).map { number, row in
            row.enumerated().map { bucket, cell in
                cell.map { $0 + slope * (end - Double(number) - (Double(bucket) + 0.5) / count) }
            }
        }
        overall =
            slope == 0
            ? Statistics.median(samples.map(\.value)) : Statistics.median(cells.flatMap { $0.compactMap { $0 } })
    }

    /// The slope of a steady trend of the days' levels by Theil and Sen; 0 where the other days' line does not tell a day's
    /// level much better than their median: a weekend at the end of a week must not pass for a trend, nor a trend for one.
    private static func trend(_ levels: [(day: Double, level: Double)]) -> Double {
        func slope(_ points: [(day: Double, level: Double)]) -> Double {
            let slopes = points.indices.flatMap { first in
                points[(first + 1)...].map { ($0.level - points[first].level) / max(1, $0.day - points[first].day) }
            }
            return Statistics.median(slopes)
        }
        // The days at the ends are not whole.
        let whole = levels.count > leastTrendDays + 1 ? Array(levels.dropFirst().dropLast()) : levels
        guard whole.count >= leastTrendDays else { return 0 }
        var plain = 0.0
        var line = 0.0
        for (index, point) in whole.enumerated() {
            var others = whole
            others.remove(at: index)
            let slope = slope(others)
            let offset = Statistics.median(others.map { $0.level - slope * $0.day })
            line += abs(point.level - offset - slope * point.day)
            plain += abs(point.level - Statistics.median(others.map(\.level)))
        }
        return line < (1 - trendGain) * plain ? slope(whole) : 0
    }

    /// The simplest season that no other one beats by `minimumGain`, and more with few days, on days it was not learned
    /// from.
    func choose(minimumGain: Double) -> Choice {
        let plain = SeasonalProfile(
            kinds: SeasonalProfile.oneKind, buckets: 1, center: 0.5, values: [overall], calendar: calendar)
        let plainError = error(kinds: nil)
        var best = Choice(season: .none, reason: "no season explains days it has not seen", gain: 0, profile: plain)
        var bestError = plainError
        let candidates: [(Season, [Int], Int, String)] = [
            (.daily, SeasonalProfile.oneKind, 3, "a daily profile"),
            (.weekly, SeasonalProfile.twoKinds, 7, "a profile of weekdays and weekends"),
            (.weekly, SeasonalProfile.sevenKinds, 14, "a profile of each weekday"),
        ]
        for (season, kinds, days, name) in candidates where cells.count >= days {
            let error = error(kinds: kinds)
            // A wandering level repeats itself by chance in a few days.
            guard error < (1 - minimumGain - 0.4 / Double(cells.count)) * bestError else { continue }
            let gain = plainError > 0 ? 1 - error / plainError : 0
            best = Choice(
                season: season,
                reason: "\(name) explains \(Int((gain * 100).rounded())) % of the spread on days it has not seen",
                gain: max(0, min(1, gain)), profile: profile(kinds: kinds))
            bestError = error
        }
        return best
    }

    /// Robust scale by time of day: a window of two hours, drawn half way towards the overall scale.
    func spread(of residuals: [Double], overall scale: Double) -> SeasonalProfile {
        let parts = 12
        var groups = Array(repeating: [Double](), count: parts)
        for (sample, residual) in zip(samples, residuals) {
            let local = calendar.local(sample.timestamp)
            let time = local &- SeasonalProfile.dayNumber(local) &* SeasonalProfile.day
            groups[min(parts - 1, Int(time * Int64(parts) / SeasonalProfile.day))].append(residual)
        }
        let values = groups.map { group in
            guard group.count >= Baseline.minimumPoints else { return scale }
            let own = Statistics.robustScale(group, around: 0)
            return ((own * own + scale * scale) / 2).squareRoot()
        }
        return SeasonalProfile(
            kinds: SeasonalProfile.oneKind, buckets: parts, center: 0.5, values: values, calendar: calendar)
    }

    /// Median over the days of each kind, bucket by bucket; empty buckets take over from their neighbours.
    private func profile(kinds: [Int]) -> SeasonalProfile {
        let values = (0...(kinds.max() ?? 0)).flatMap { kind in
            filled(
                (0..<buckets).map { bucket in
                    let known = cells.indices.compactMap { kinds[weekdays[$0]] == kind ? cells[$0][bucket] : nil }
                    return known.isEmpty ? nil : Statistics.median(known)
                })
        }
        return SeasonalProfile(kinds: kinds, buckets: buckets, center: center, values: values, calendar: calendar)
    }

    /// Mean of the median and the 80 % quantile over the days of a day's mean absolute residual, each day predicted
    /// from the others.
    ///
    /// One bad day of a week does not count so, but the two days of a weekend do. Without kinds the prediction is one
    /// level for all buckets.
    private func error(kinds: [Int]?) -> Double {
        var errors: [Double] = []
        for (day, row) in cells.enumerated() {
            let others = cells.indices.filter { other in
                other != day && (kinds.map { $0[weekdays[other]] == $0[weekdays[day]] } ?? true)
            }
            let level = kinds == nil ? Statistics.median(others.flatMap { cells[$0].compactMap { $0 } }) : 0
            let residuals = row.enumerated().compactMap { bucket, cell -> Double? in
                guard let cell else { return nil }
                let known = kinds == nil ? [level] : others.compactMap { cells[$0][bucket] }
                return abs(cell - (known.isEmpty ? overall : Statistics.median(known)))
            }
            if !residuals.isEmpty { errors.append(residuals.reduce(0) { $0 + $1 / Double(residuals.count) }) }
        }
        errors.sort()
        return (Statistics.quantile(sorted: errors, 0.5) + Statistics.quantile(sorted: errors, 0.8)) / 2
    }

    /// Fills gaps by interpolation around the clock.
    private func filled(_ values: [Double?]) -> [Double] {
        let known = values.indices.filter { values[$0] != nil }
        guard let first = known.first, let last = known.last else { return values.map { _ in overall } }
        var result = values.map { $0 ?? 0 }
        let pairs = zip(known, known.dropFirst()).map { ($0, $1) } + [(last, first + values.count)]
        for (from, to) in pairs where to - from > 1 {
            let start = result[from]
            let end = result[to % values.count]
            for index in (from + 1)..<to {
                let share = Double(index - from) / Double(to - from)
                result[index % values.count] = start * (1 - share) + end * share
            }
        }
        return result
    }
}
