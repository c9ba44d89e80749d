/// The algorithms that suit a series best, chosen by a trial on its own history.
///
/// Faults are put into the newest part of the history: steps of six times the noise, in the direction that is bad, ten
/// samples long. Each candidate watches it; the share of faults that it finds counts, less half of the false alarms a day
/// that it raises elsewhere. Where candidates do equally well the first one is taken, so that the standard ones stay unless
/// others are better.
package struct DetectorChoice: Sendable, Equatable, Codable {
    /// The chosen ones.
    package let algorithms: [Algorithm]
    /// Why, with numbers, for people.
    package let reason: String

    /// What is tried, in order of preference.
    package static let candidates: [[Algorithm]] = [
        Algorithm.standard, [.ensemble], [.threeSigma, .mad, .iqr], [.ewma, .ensemble],
    ]
    private static let longestTrial = 1_440
    private static let faults = 4
    private static let faultLength = 10
    private static let faultScales = 6.0
    /// Samples after a fault in which what is raised still belongs to it.
    private static let aftermath = 30
    /// What a candidate must be better by.
    private static let margin = 0.05

    /// All fields as given.
    package init(algorithms: [Algorithm], reason: String) {
        self.algorithms = algorithms
        self.reason = reason
    }

    /// Samples of the trial: the last quarter of the history, at most a day of minutes.
    static func trialLength(of count: Int) -> Int { min(longestTrial, count / 4) }

    /// Chooses by a trial.
    ///
    /// - Parameters:
    ///   - trial: the newest part of the history, cleaned; of fewer than 200 samples nothing is concluded.
    ///   - baseline: learned from the history.
    ///   - ensemble: as the history before the trial has left it.
    ///   - configuration: how the series is watched, but for the algorithms.
    init(trial: [Sample], baseline: Baseline, ensemble: StreamingEnsemble, configuration: DetectorConfiguration) {
        guard trial.count >= 200, let first = trial.first, let last = trial.last, last.timestamp > first.timestamp
        else {
            self.init(algorithms: Algorithm.standard, reason: "standard, the history is too short for a trial")
            return
        }
        let days = (Double(last.timestamp) - Double(first.timestamp)) / Double(SeasonalProfile.day)
        let (faulty, spans) = Self.injected(trial, baseline, configuration)
        let results = Self.candidates.map { algorithms in
            var changed = configuration
            changed.algorithms = algorithms
            var detector = EnsembleDetector(baseline: baseline, configuration: changed, ensemble: ensemble)
            return Result(algorithms, Self.watch(&detector, faulty, spans), days: days)
        }
        var best = results[0]
        for result in results.dropFirst() where result.merit > best.merit + Self.margin { best = result }
        let others = results.filter { $0.algorithms != best.algorithms }.map(\.description)
        self.init(
            algorithms: best.algorithms,
            reason: "\(best.description) in the last \((days * 10).rounded() / 10) days; "
                + others.joined(separator: "; "))
    }

    private struct Result: CustomStringConvertible {
        var algorithms: [Algorithm]
        var found: Int
        var falseAlarms: Int
        var merit: Double

        init(_ algorithms: [Algorithm], _ counts: (found: Int, falseAlarms: Int), days: Double) {
            self.algorithms = algorithms
            found = counts.found
            falseAlarms = counts.falseAlarms
            merit = Double(found) / Double(DetectorChoice.faults) - min(1, Double(falseAlarms) / max(days, 0.01)) / 2
        }

        var description: String {
            "\(algorithms.map(\.rawValue).joined(separator: "+")) finds \(found) of \(DetectorChoice.faults) faults "
                + "with \(falseAlarms) false alarms"
        }
    }

    /// The samples with faults, and where these are.
    private static func injected(
        _ trial: [Sample], _ baseline: Baseline, _ configuration: DetectorConfiguration
    ) -> (samples: [Sample], spans: [Range<Int>]) {
        var samples = trial
        var spans: [Range<Int>] = []
        for fault in 0..<faults {
            let start = (fault + 1) * trial.count / (faults + 1)
            let isUp = configuration.direction == .both ? fault % 2 == 0 : configuration.direction == .above
            let span = start..<min(trial.count, start + faultLength)
            for index in span {
                let band = baseline.band(at: trial[index].timestamp)
                let size = max(
                    faultScales * band.scale, 1.2 * configuration.minimumDeviation,
                    1.2 * configuration.minimumRelativeDeviation * abs(band.expected))
                samples[index].value += isUp ? size : -size
            }
            spans.append(span)
        }
        return (samples, spans)
    }

    private static func watch(
        _ detector: inout EnsembleDetector, _ samples: [Sample], _ spans: [Range<Int>]
    ) -> (found: Int, falseAlarms: Int) {
        var found: Set<Int> = []
        var falseAlarms = 0
        for (index, sample) in samples.enumerated() {
            let transition = detector.update(sample).transition
            let span = spans.firstIndex { $0.lowerBound <= index && index < $0.upperBound + aftermath }
            switch transition {
            case .opened, .reopened:
                if let span { found.insert(span) } else { falseAlarms += 1 }
            case .none, .ongoing, .closed: break
            }
        }
        return (found.count, falseAlarms)
    }
}
