/// How far and how surely a breach is looked for.
package struct BreachForecastConfiguration: Sendable, Equatable, Codable {
    /// Horizon in seconds, 1 to 30 days; default 6 hours.
    package var horizonSeconds: Double
    /// Two-sided significance level of the trend test, in [1e-9, 0.5]; default 0.01.
    package var significance: Double
    /// Fewer points give no forecast, at least 4; default 12.
    package var minimumPoints: Int
    /// Whether a breach that recurs, as a daily peak beyond the limit, is claimed without a trend; default true.
    package var claimsRecurring: Bool

    /// Probability within the horizon from which a breach is claimed, in [0.05,0.95]; default 0.4.
    package var claimProbability: Double

    /// Values that are not finite or out of range are replaced by the nearest or default ones.
    package init(
        horizonSeconds: Double = 6 * 3_600, significance: Double = 0.01, minimumPoints: Int = 12,
        claimsRecurring: Bool = true, claimProbability: Double = 0.4
    ) {
        self.horizonSeconds = horizonSeconds.isFinite ? min(30 * 86_400, max(1, horizonSeconds)) : 6 * 3_600
        self.significance = significance.isFinite ? min(0.5, max(1e-9, significance)) : 0.01
        self.minimumPoints = max(4, minimumPoints)
        self.claimsRecurring = claimsRecurring
        self.claimProbability = claimProbability.isFinite ? min(0.95, max(0.05, claimProbability)) : 0.4
    }
}
