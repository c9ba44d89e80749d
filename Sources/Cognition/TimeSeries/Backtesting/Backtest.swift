/// Runs history through the engine as if it were live, and tells what would have alarmed.
///
/// A baseline is learned as soon as the history is long enough and again daily, from the newest days before; detection
/// goes on meanwhile. Nothing looks ahead.
package struct Backtest: Sendable {
    /// One anomaly that would have been opened.
    package struct Alarm: Sendable, Equatable, Codable {
        /// First unusual sample and the one that confirmed it, Unix milliseconds.
        package var since: Int64
        package var confirmed: Int64
        /// Last unusual sample; `nil` when it was still open at the end.
        package var until: Int64?
        /// Largest score, and the value and the expected one at that sample.
        package var score: Double
        package var value: Double
        package var expected: Double
        /// What saw it: the algorithms over the threshold at that sample.
        package var members: [String]
        /// Days in which a residual as large comes once; 0 where that is not known.
        package var rarityDays: Double
    }

    /// What was made of one sample.
    package struct Point: Sendable, Equatable {
        package var sample: Sample
        package var band: Band
        package var score: Double
        package var isOpen: Bool
    }

    /// Anomalies in order of time.
    package private(set) var alarms: [Alarm] = []
    /// Samples that were judged, that is from the first baseline on.
    package private(set) var points: [Point] = []
    /// Why these algorithms watched at the end; `nil` where they were given, or nothing was judged.
    package private(set) var choice: DetectorChoice?
    /// The last baseline; `nil` when the history was too short for one.
    package private(set) var baseline: Baseline?
    /// Why there is none.
    package private(set) var problem: BaselineError?

    private static let day: Int64 = 86_400_000

    /// - Parameters:
    ///   - samples: history; order does not matter, unusable ones are skipped.
    ///   - configuration: when the series counts as anomalous.
    ///   - baselineConfiguration: how baselines are learned.
    ///   - learningDays: days that a baseline is learned from at most; default 7.
    ///   - choosesAlgorithms: whether the algorithms are chosen with each baseline; default false, those of the configuration.
    ///   - from: first sample that is judged, Unix milliseconds; `nil` for as early as possible.
    package init(
        _ samples: [Sample], detector configuration: DetectorConfiguration = .init(),
        baselineConfiguration: BaselineConfiguration = .init(), learningDays: Double = 7,
        choosesAlgorithms: Bool = false, from: Int64? = nil
    ) {
        let usable = BaselineFit.cleaned(samples)
        var ensemble = StreamingEnsemble()
        var detector: EnsembleDetector?
        var due = usable.first.map { $0.timestamp &+ Int64(baselineConfiguration.minimumDays * Double(Self.day)) }
        for (index, sample) in usable.enumerated() {
            if let time = due, sample.timestamp >= time {
                due = sample.timestamp &+ (detector == nil ? Self.day / 24 : Self.day)
                let oldest = Double(sample.timestamp) - learningDays * Double(Self.day)
                let past = Array(usable[..<index].drop { Double($0.timestamp) < oldest })
                learn(past, baselineConfiguration)
                if let baseline {
                    due = sample.timestamp &+ Self.day
                    var changed = configuration
                    if choosesAlgorithms {
                        choice = LearnedSeries.choice(past, baseline, configuration)
                        changed.algorithms = choice?.algorithms ?? configuration.algorithms
                    }
                    if detector == nil {
                        detector = EnsembleDetector(baseline: baseline, configuration: changed, ensemble: ensemble)
                    } else {
                        detector?.baseline = baseline
                        detector?.configure(changed)
                    }
                }
            }
            guard let detection = detector?.update(sample) else {
                _ = ensemble.update(sample)
                continue
            }
            guard sample.timestamp >= from ?? .min else { continue }
            take(detection, sample, configuration.threshold)
        }
    }

    /// Days from the first to the last sample that was judged.
    package var days: Double {
        guard let first = points.first, let last = points.last else { return 0 }
        return (Double(last.sample.timestamp) - Double(first.sample.timestamp)) / Double(Self.day)
    }

    /// Anomalies a day; 0 when nothing was judged.
    package var alarmsPerDay: Double { days > 0 ? Double(alarms.count) / days : 0 }

    /// Alarms that no alarm of another run overlaps.
    package func alarms(notIn other: Backtest) -> [Alarm] {
        func span(_ alarm: Alarm) -> ClosedRange<Int64> {
            alarm
                .since...max(alarm.since, alarm.until ?? max(alarm.since, points.last?.sample.timestamp ?? alarm.since))
        }
        return alarms.filter { alarm in !other.alarms.contains { span($0).overlaps(span(alarm)) } }
    }

    /// Share of anomalies that meet an interval, and share of intervals that are met; `nil` of nothing.
    ///
    /// - Parameter intervals: known incidents, Unix milliseconds; one outside of the judged time does not count.
    package func agreement(with intervals: [ClosedRange<Int64>]) -> (precision: Double?, recall: Double?) {
        guard let first = points.first?.sample.timestamp, let last = points.last?.sample.timestamp else {
            return (nil, nil)
        }
        let known = intervals.filter { $0.overlaps(first...last) }
        func meets(_ alarm: Alarm, _ interval: ClosedRange<Int64>) -> Bool {
            interval.overlaps(alarm.since...max(alarm.since, alarm.until ?? last))
        }
        let right = alarms.count { alarm in known.contains { meets(alarm, $0) } }
        let met = known.count { interval in alarms.contains { meets($0, interval) } }
        return (
            alarms.isEmpty ? nil : Double(right) / Double(alarms.count),
            known.isEmpty ? nil : Double(met) / Double(known.count)
        )
    }

    private mutating func learn(_ past: [Sample], _ configuration: BaselineConfiguration) {
        do throws(BaselineError) {
            baseline = try Baseline.learn(from: past, configuration: configuration)
            problem = nil
        } catch {
            if baseline == nil { problem = error }
        }
    }

    private mutating func take(_ detection: Detection, _ sample: Sample, _ threshold: Double) {
        var isOpen = false
        switch detection.transition {
        case .none: break
        case .opened(let since):
            isOpen = true
            alarms.append(
                Alarm(
                    since: since, confirmed: sample.timestamp, until: nil, score: -1, value: sample.value,
                    expected: detection.band.expected, members: [], rarityDays: 0))
        case .reopened:
            isOpen = true
            if !alarms.isEmpty { alarms[alarms.count - 1].until = nil }
        case .ongoing: isOpen = true
        case .closed(_, let until):
            if !alarms.isEmpty { alarms[alarms.count - 1].until = until }
        }
        points.append(Point(sample: sample, band: detection.band, score: detection.score, isOpen: isOpen))
        guard isOpen, let last = alarms.indices.last, detection.score > alarms[last].score else { return }
        alarms[last].score = detection.score
        alarms[last].value = sample.value
        alarms[last].expected = detection.band.expected
        alarms[last].members = detection.members.filter { $0.score >= threshold }.map(\.name)
        alarms[last].rarityDays = detection.rarityDays
    }
}
