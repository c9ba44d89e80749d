/// A past run through the watch for breaches as the analyzer runs it: what would have been warned of, and what came.
///
/// The first days are learned from, and every day the last week again. A breach are three samples in a row at the limit or
/// beyond; it ends with three on the other side. A warning comes true when a breach begins within the horizon after it;
/// one that begins while the limit is reached is none, and one whose horizon the past does not cover is not judged.
package struct BreachReplay: Sendable {
    /// One warning that people would have been told of.
    package struct Warning: Sendable, Equatable {
        /// When they would have been told, Unix milliseconds.
        package var time: Int64
        /// Seconds until the breach; `nil` when none came within the horizon.
        package var lead: Double?
        /// Whether the horizon has passed, so that nothing can come any more.
        package var isDecided = true
        /// Times that it ended and began again soon.
        package var flaps = 0
    }

    /// Samples in a row that begin and end a breach.
    private static let inRow = 3
    private static let relearning = Double(SeasonalProfile.day)
    private static let learned = 7 * Double(SeasonalProfile.day)

    /// In order of time.
    package private(set) var warnings: [Warning] = []
    /// Begins of the breaches after the learning days, Unix milliseconds.
    package private(set) var breaches: [Int64] = []
    /// Breaches before which there was a warning that came true.
    package private(set) var warned = 0
    /// Days after the learning days.
    package private(set) var days = 0.0

    /// Warnings that did not come true.
    package var falseWarnings: Int { warnings.count { $0.lead == nil && $0.isDecided } }

    /// - Parameters:
    ///   - samples: order does not matter, unusable ones are skipped.
    ///   - limit: what must not be reached.
    ///   - learningDays: days of the beginning that are only learned from.
    ///   - configuration: of the forecasts.
    ///   - detector: when a score is told, and which pauses make one warning of two.
    package init(
        _ samples: [Sample], limit: SeriesLimit, learningDays: Double = 3,
        configuration: BreachForecastConfiguration = .init(), detector: DetectorConfiguration = .init()
    ) {
        let usable = BaselineFit.cleaned(samples)
        guard let first = usable.first, let last = usable.last, learningDays > 0, learningDays < 10_000 else { return }
        let begin = Double(first.timestamp) + learningDays * Double(SeasonalProfile.day)
        days = max(0, (Double(last.timestamp) - begin) / Double(SeasonalProfile.day))
        let inside = Self.breaches(usable, limit)
        breaches = inside.map(\.lowerBound).filter { Double($0) > begin }
        let past = usable.prefix { Double($0.timestamp) < begin }
        var watch = BreachWatch(SeriesOutline(Array(past)))
        var baseline = try? Baseline.learn(from: Array(past))
        var hysteresis = AnomalyHysteresis()
        var relearned = begin
        for (index, sample) in usable.enumerated().dropFirst(past.count) {
            let time = Double(sample.timestamp)
            if time - relearned >= Self.relearning {
                relearned = time
                let week = usable[..<index].suffix(10_080).filter { time - Double($0.timestamp) <= Self.learned }
                baseline = (try? Baseline.learn(from: week)) ?? baseline
            }
            watch.update(sample, limit: limit, baseline: baseline, configuration: configuration)
            let transition = hysteresis.update(score: watch.score, at: sample.timestamp, detector)
            if !hysteresis.isOpen { baseline?.update(sample) }
            guard !watch.isBreached, !inside.contains(where: { $0.contains(sample.timestamp) }) else { continue }
            switch transition {
            case .opened:
                let end = time + configuration.horizonSeconds * 1_000
                let breach = breaches.first { $0 > sample.timestamp && Double($0) <= end }
                warnings.append(
                    Warning(
                        time: sample.timestamp,
                        lead: breach.map { (Double($0) - time) / 1_000 },
                        isDecided: breach != nil || Double(last.timestamp) >= end))
            case .reopened: if !warnings.isEmpty { warnings[warnings.count - 1].flaps += 1 }
            case .none, .ongoing, .closed: break
            }
        }
        let horizon = configuration.horizonSeconds * 1_000
        let times = warnings.map(\.time)
        warned = breaches.count { breach in
            times.contains { $0 < breach && Double(breach) - Double($0) <= horizon }
        }
    }

    /// Begins and ends of what lies at the limit or beyond.
    private static func breaches(_ samples: [Sample], _ limit: SeriesLimit) -> [ClosedRange<Int64>] {
        var breaches: [ClosedRange<Int64>] = []
        var begin: Int64?
        var row: [Int64] = []
        for sample in samples {
            let isBeyond = limit.isUpper ? sample.value >= limit.value : sample.value <= limit.value
            guard isBeyond == (begin == nil) else {
                row = []
                continue
            }
            row.append(sample.timestamp)
            guard row.count == inRow else { continue }
            if let start = begin {
                breaches.append(start...row[0])
                begin = nil
            } else {
                begin = row[0]
            }
            row = []
        }
        if let begin, let last = samples.last { breaches.append(begin...max(begin, last.timestamp)) }
        return breaches
    }
}
