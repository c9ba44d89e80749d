/// A threshold that history would have kept within a number of alarms a day, back-tested before anybody applies it.
package struct ThresholdProposal: Sendable, Equatable, Codable {
    /// What one threshold would have done.
    package struct Trial: Sendable, Equatable, Codable {
        package var threshold: Double
        package var alarmsPerDay: Double
        /// Share of alarms that were right, and of incidents that were met; `nil` without incidents or alarms.
        package var precision: Double?
        package var recall: Double?
    }

    /// All that were tried, ascending.
    package let trials: [Trial]
    /// The lowest threshold with at most the alarms asked for; `nil` when none keeps within them.
    package let proposed: Double?

    /// Tries thresholds from 0.6 to 0.95.
    ///
    /// - Parameters:
    ///   - samples: history.
    ///   - alarmsPerDay: the most that people want to hear of.
    ///   - incidents: known ones, Unix milliseconds.
    ///   - configuration: all but the threshold.
    ///   - baselineConfiguration: how baselines are learned.
    ///   - learningDays: days that a baseline is learned from at most.
    ///   - choosesAlgorithms: whether the algorithms are chosen with each baseline.
    package init(
        _ samples: [Sample], alarmsPerDay: Double, incidents: [ClosedRange<Int64>] = [],
        detector configuration: DetectorConfiguration = .init(), baselineConfiguration: BaselineConfiguration = .init(),
        learningDays: Double = 7, choosesAlgorithms: Bool = false
    ) {
        trials = [0.6, 0.7, 0.8, 0.9, 0.95].map { threshold in
            var changed = configuration
            changed.threshold = threshold
            let run = Backtest(
                samples, detector: changed, baselineConfiguration: baselineConfiguration, learningDays: learningDays,
                choosesAlgorithms: choosesAlgorithms)
            let agreement = run.agreement(with: incidents)
            return Trial(
                threshold: threshold, alarmsPerDay: run.alarmsPerDay, precision: agreement.precision,
                recall: agreement.recall)
        }
        proposed = trials.first { $0.alarmsPerDay <= alarmsPerDay }?.threshold
    }
}
