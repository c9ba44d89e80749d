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
    /// Whether learning chooses the algorithms of each series, default false: all have those of `detector`.
    package var choosesAlgorithms: Bool
    /// Unit of the values.
    package var unit: String
    /// Whether the level at which a series saturates is learned as its limit, default false.
    package var findsLimits: Bool

    package init(
        name: String, role: SignalRole, detector: DetectorConfiguration, choosesAlgorithms: Bool = false,
        unit: String = "", findsLimits: Bool = false
    ) {
        self.name = name
        self.role = role
        self.detector = detector
        self.choosesAlgorithms = choosesAlgorithms
        self.unit = unit
        self.findsLimits = findsLimits
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

    /// How long after its end an incident is opened again by its own anomaly: as long as any series may flap, and ten
    /// minutes to notice it.
    var flappingMilliseconds: Int64 {
        600_000 + (metrics.values.map(\.detector.flappingMilliseconds).max() ?? 0)
    }

    /// Role of each metric by name.
    var roles: [String: SignalRole] { metrics.mapValues(\.role) }
}
