#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the streaming ensemble makes of a sample.
package struct EnsembleReading: Sendable, Equatable {
    /// In [0,1]; 0.7 and more only where people should be notified, and once for each event.
    package var score = 0.0
    /// Decades over the threshold, whether or not it is notified; at least 0 where the sample is anomalous.
    package var evidence = -EnsembleReading.unsuspicious
    /// What the references expect.
    package var expected = 0.0
    /// Three standard deviations of the residuals below and above it.
    package var lower = 0.0
    package var upper = 0.0
    /// Days in which a residual as large comes once, by the tail of those before; 0 while too little is known.
    package var rarityDays = 0.0
    /// Days since the first sample.
    package var ageDays = 0.0
    /// Distance from all that was shown before as a share of the range, by what is looked at.
    package var novelty = Novelty()

    /// Evidence of a sample of which nothing speaks for an anomaly.
    static let unsuspicious = 9.0

    /// Whether the sample is anomalous.
    package var isAnomalous: Bool { evidence >= 0 }

    /// The evidence as a score in [0,1]: 0.7 at the threshold, whether or not it is notified.
    package var strength: Double {
        evidence >= 0 ? min(1, 0.7 + 0.3 * (1 - exp2(-evidence))) : 0.7 * exp2(evidence)
    }

    /// Distances from what was shown before, each as a share of the series' range.
    package struct Novelty: Sendable, Equatable {
        /// Of the value.
        package var value = 0.0
        /// Of its residual against all references.
        package var residual = 0.0
        /// Of its residual against the typical day.
        package var daily = 0.0
        /// Of its difference from the sample before.
        package var step = 0.0
        /// Of the mean residual of the last hours.
        package var drift = 0.0

        /// The second largest of the first four: two of them have to agree.
        var agreed: Double {
            let (a, b) = value > residual ? (value, residual) : (residual, value)
            let (c, d) = daily > step ? (daily, step) : (step, daily)
            return a > c ? max(b, c) : max(a, d)
        }
    }
}
