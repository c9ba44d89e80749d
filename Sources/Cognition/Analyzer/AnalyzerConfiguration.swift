import Diagnosis
import Model
import TimeSeries

/// What the analyzer knows about a metric beyond its samples.
package struct WatchedMetric: Sendable, Equatable {
    /// Name from the metrics map.
    package var name: String
    /// What it measures.
    package var role: SignalRole
    /// When its series count as anomalous.
    package var detector: DetectorConfiguration

    package init(name: String, role: SignalRole, detector: DetectorConfiguration) {
        self.name = name
        self.role = role
        self.detector = detector
    }
}

/// What the analyzer needs to know.
package struct AnalyzerConfiguration: Sendable {
    /// Watched metrics by name.
    package var metrics: [String: WatchedMetric]
    /// Forecast of the time to breach.
    package var forecast: BreachForecastConfiguration
    /// How baselines are learned.
    package var baseline: BaselineConfiguration
    /// Days of history to learn from; default 7.
    package var learningDays: Double
    /// Hours between two learning runs; default 24.
    package var relearnHours: Double
    /// Milliseconds of sample time between two refreshes of an open anomaly; default 60,000.
    package var refreshMilliseconds: Int64

    package init(
        metrics: [WatchedMetric], forecast: BreachForecastConfiguration = .init(),
        baseline: BaselineConfiguration = .init(), learningDays: Double = 7, relearnHours: Double = 24,
        refreshMilliseconds: Int64 = 60_000
    ) {
        self.metrics = Dictionary(metrics.map { ($0.name, $0) }) { $1 }
        self.forecast = forecast
        self.baseline = baseline
        self.learningDays = learningDays
        self.relearnHours = relearnHours
        self.refreshMilliseconds = refreshMilliseconds
    }

    /// Role of each metric by name.
    var roles: [String: SignalRole] { metrics.mapValues(\.role) }
}
