import Model

/// What a person decides about the threshold of one series, as a command on the bus carries it.
package struct ThresholdVerdict: Sendable, Equatable {
    /// What is to change.
    package enum Change: Sendable, Equatable {
        /// An anomaly with this score in [0,1] was a true or a false alarm.
        case verdict(score: Double, isTrue: Bool)
        /// A proposed threshold is accepted.
        case threshold(Double)
    }

    /// Command that carries a verdict about an anomaly.
    package static let feedbackCommand = "anomaly.feedback"
    /// Command that carries an accepted proposal.
    package static let thresholdCommand = "threshold.apply"

    /// The series.
    package var series: SeriesID
    /// What is to change.
    package var change: Change
    /// The anomaly or the proposal that it is about.
    package var reference: String

    package init(series: SeriesID, change: Change, reference: String) {
        self.series = series
        self.change = change
        self.reference = reference
    }

    private static let labelPrefix = "label:"

    /// The verdict of a command; `nil` for another command, or one with arguments that say nothing.
    package init?(_ command: Command) {
        guard let metric = command.arguments["metric"] else { return nil }
        reference = command.arguments["reference"] ?? ""
        var labels: [String: String] = [:]
        for (name, value) in command.arguments where name.hasPrefix(Self.labelPrefix) {
            labels[String(name.dropFirst(Self.labelPrefix.count))] = value
        }
        series = SeriesID(metric: metric, labels: labels)
        switch command.name {
        case Self.feedbackCommand:
            guard let score = command.arguments["score"].flatMap({ Double($0) }), (0...1).contains(score),
                let isTrue = command.arguments["true_alarm"].flatMap({ Bool($0) })
            else { return nil }
            change = .verdict(score: score, isTrue: isTrue)
        case Self.thresholdCommand:
            guard let threshold = command.arguments["threshold"].flatMap({ Double($0) }), (0...1).contains(threshold)
            else { return nil }
            change = .threshold(threshold)
        default: return nil
        }
    }

    /// The command that carries the verdict.
    package func command(requester: String) -> Command {
        var arguments = ["metric": series.metric, "reference": reference]
        for (name, value) in series.labels { arguments[Self.labelPrefix + name] = value }
        switch change {
        case .verdict(let score, let isTrue):
            arguments["score"] = "\(score)"
            arguments["true_alarm"] = "\(isTrue)"
            return Command(name: Self.feedbackCommand, requester: requester, arguments: arguments)
        case .threshold(let threshold):
            arguments["threshold"] = "\(threshold)"
            return Command(name: Self.thresholdCommand, requester: requester, arguments: arguments)
        }
    }
}
