/// Looks every five minutes whether a series will reach its limit, so that people hear of it although nothing is unusual:
/// a disk that fills at the pace it always had.
///
/// What is claimed must have a significant trend, and be confirmed (`BreachConfirmation`). A limit that was learned warns
/// nobody by itself: a series that has been there before is expected to come back. Limits that lie farther away than four
/// times what the series has moved in a week are not computed for. State: that of the outline, and 12 words.
package struct BreachWatch: Sendable, Equatable, Codable {
    /// Milliseconds of sample time between two looks.
    package static let interval: Int64 = 300_000
    /// Name among the members of an anomaly.
    package static let name = "time-to-breach"
    private static let reach = 4.0
    /// Seconds of samples from which on the outline is better than the samples themselves.
    private static let shortSpan = 3_600.0

    private var outline: SeriesOutline
    private var looked: Int64 = 0
    private var confirmation = BreachConfirmation()
    /// In [0,1]; 0.7 and more while a breach is claimed.
    package private(set) var score = 0.0
    /// Whether the limit was reached already at the last look, so that nothing is left to be forecast.
    package private(set) var isBreached = false

    /// A watch over a series with this past.
    package init(_ outline: SeriesOutline = SeriesOutline()) { self.outline = outline }

    /// Takes in the next sample, and looks when it is time.
    package mutating func update(
        _ sample: Sample, limit: SeriesLimit, baseline: Baseline?, configuration: BreachForecastConfiguration
    ) {
        outline.update(sample)
        guard sample.isUsable, Double(sample.timestamp) - Double(looked) >= Double(Self.interval) else { return }
        looked = sample.timestamp
        let forecast = forecast(sample, limit, baseline, configuration)
        let probability = forecast.map { $0.p50 == nil ? 0 : $0.probability } ?? 0
        isBreached = forecast?.alreadyBreached ?? false
        confirmation.update(
            probability: probability, isBreached: isBreached, at: sample.timestamp,
            horizon: configuration.horizonSeconds)
        score = confirmation.isClaimed ? min(1, 0.7 + 0.3 * max(0, probability - 0.5) / 0.5) : 0
    }

    private func forecast(
        _ sample: Sample, _ limit: SeriesLimit, _ baseline: Baseline?, _ configuration: BreachForecastConfiguration
    ) -> BreachForecast? {
        guard limit.source != .learned, abs(limit.value - sample.value) <= Self.reach * outline.range else {
            return nil
        }
        var configuration = configuration
        configuration.claimsRecurring = false
        return BreachForecaster.forecast(
            recent: outline.samples, limit: limit.value, limitIsUpper: limit.isUpper, baseline: baseline,
            configuration: configuration)
    }

    /// The forecast of now: from the newest samples where they cover less than an hour and show a trend to the limit, else
    /// from the week before.
    package func forecast(
        recent: [Sample], limit: SeriesLimit, baseline: Baseline?, configuration: BreachForecastConfiguration
    ) -> BreachForecast? {
        func forecast(_ samples: [Sample]) -> BreachForecast? {
            BreachForecaster.forecast(
                recent: samples, limit: limit.value, limitIsUpper: limit.isUpper, baseline: baseline,
                configuration: configuration)
        }
        let span = (Double(recent.last?.timestamp ?? 0) - Double(recent.first?.timestamp ?? 0)) / 1_000
        if span < Self.shortSpan, let short = forecast(recent), short.p50 != nil { return short }
        return forecast(outline.samples) ?? forecast(recent)
    }
}
