/// What learning makes of the history of one series.
package struct LearnedSeries: Sendable, Equatable, Codable {
    /// What is normal.
    package var baseline: Baseline
    /// The streaming ensemble as history has left it; `nil` stands for one that has seen nothing.
    package var ensemble: StreamingEnsemble?
    /// Algorithms that suit the series best; `nil` where somebody has named them.
    package var choice: DetectorChoice?
    /// Limit that was found or learned; a declared one comes first.
    package var limit: SeriesLimit?
    /// The last week, for forecasts.
    package var outline: SeriesOutline

    /// All fields as given.
    package init(
        baseline: Baseline, ensemble: StreamingEnsemble? = nil, choice: DetectorChoice? = nil,
        limit: SeriesLimit? = nil, outline: SeriesOutline = SeriesOutline()
    ) {
        self.baseline = baseline
        self.ensemble = ensemble
        self.choice = choice
        self.limit = limit
        self.outline = outline
    }

    /// Learns from history: the baseline with its season, the state of the ensemble, the algorithms that suit it, the level
    /// at which it saturates.
    ///
    /// - Parameters:
    ///   - history: order does not matter, unusable samples are skipped.
    ///   - recent: the newest part of it at the distance that samples have live, where that is another one; the ensemble is
    ///     warmed with it.
    ///   - configuration: how baselines are learned.
    ///   - detector: how the series is watched.
    ///   - choosesAlgorithms: whether to choose the algorithms; otherwise those of `detector` stay.
    ///   - unit: of the values.
    /// - Throws: `BaselineError` when the history is too short.
    package static func learn(
        from history: [Sample], recent: [Sample] = [], configuration: BaselineConfiguration = .init(),
        detector: DetectorConfiguration = .init(), choosesAlgorithms: Bool = true, unit: String = ""
    ) throws(BaselineError) -> LearnedSeries {
        let baseline = try Baseline.learn(from: history, configuration: configuration)
        let samples = BaselineFit.cleaned(recent.isEmpty ? history : recent)
        var ensemble = StreamingEnsemble()
        let choice = choosesAlgorithms ? Self.choice(samples, baseline, detector, &ensemble) : nil
        if choice == nil { for sample in samples { _ = ensemble.update(sample) } }
        return LearnedSeries(
            baseline: baseline, ensemble: ensemble, choice: choice,
            limit: detector.direction == .below ? nil : SaturationPoint.learn(from: history, unit: unit),
            outline: SeriesOutline(samples))
    }

    /// The algorithms that suit a series best.
    static func choice(_ samples: [Sample], _ baseline: Baseline, _ detector: DetectorConfiguration) -> DetectorChoice {
        var ensemble = StreamingEnsemble()
        return choice(samples, baseline, detector, &ensemble)
    }

    /// The same, with the ensemble as the samples leave it.
    private static func choice(
        _ samples: [Sample], _ baseline: Baseline, _ detector: DetectorConfiguration,
        _ ensemble: inout StreamingEnsemble
    ) -> DetectorChoice {
        let cut = samples.count - DetectorChoice.trialLength(of: samples.count)
        for sample in samples[..<cut] { _ = ensemble.update(sample) }
        let choice = DetectorChoice(
            trial: Array(samples[cut...]), baseline: baseline, ensemble: ensemble, configuration: detector)
        for sample in samples[cut...] { _ = ensemble.update(sample) }
        return choice
    }
}
