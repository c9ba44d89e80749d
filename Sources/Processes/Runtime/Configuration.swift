import Analyzer
import Authority
import Decision
import Foundation
import LocalCommand
import Model
import Perception
import Settings
import Signatures
import TimeSeries

/// Everything that was read at the start, checked as a whole.
package struct LoadedConfiguration: Sendable {
    /// Scalars.
    package var settings: Settings
    /// Metrics map.
    package var metrics: [MetricDefinition]
    /// Runbook catalogue.
    package var runbooks: [Runbook]
    /// Policy in force.
    package var policy: Policy
    /// Allow-list of commands; empty unless a file enables some.
    package var commands: [CommandDefinition]
    /// Environment over the `.env` file.
    package var environment: [String: String]

    /// Reads the main file and all files it names.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    package init(file: String) throws(SettingsError) {
        environment = try DotEnv.environment(file: ".env")
        settings = try Settings(file: file, environment: environment)
        metrics = try MetricsMap.read(YAMLDocument(file: settings.metricsFile))
        runbooks = try RunbookCatalogue.read(folder: settings.runbooksFolder)
        policy = try PolicyFile.read(YAMLDocument(file: settings.policyFile), digest: SHA256Digest())
        commands =
            try settings.commandsFile.map { file throws(SettingsError) in
                try CommandsFile.read(YAMLDocument(file: file))
            } ?? []
        policy.manualFrom = settings.risk.approvalThreshold
    }

    /// Makes plans under this configuration.
    package var planMaker: PlanMaker {
        PlanMaker(
            runbooks: runbooks, policy: policy, autoRemediationEnabled: settings.risk.autoRemediationEnabled,
            mode: settings.risk.isShadow ? .shadow : .live)
    }

    /// Checks plans and statements under this configuration.
    package var verifier: Verifier {
        Verifier(
            policy: policy, cluster: settings.cluster,
            autoRemediationEnabled: settings.risk.autoRemediationEnabled, isShadow: settings.risk.isShadow,
            digest: SHA256Digest(), signatures: Ed25519Verifier())
    }

    /// Local time from a year ago to two years ahead, as baselines need it; `nil` for the plain offset.
    private var calendar: LocalCalendar? {
        let given = settings.analysis.calendar
        let begin = Date.now.addingTimeInterval(-400 * 86_400)
        let offsets = given.offsets(from: begin, days: 1_200)
        guard offsets != nil || !given.holidays.isEmpty else { return nil }
        return LocalCalendar(
            offsetSeconds: offsets?.first ?? Int64(settings.analysis.utcOffsetSeconds),
            changes: (offsets?.changes ?? []).map { .init(from: $0.from, offsetSeconds: $0.seconds) },
            holidays: given.holidays)
    }

    /// What the analyzer needs to know.
    package var analysis: AnalyzerConfiguration {
        let analysis = settings.analysis
        return AnalyzerConfiguration(
            metrics: metrics.map { metric in
                WatchedMetric(
                    name: metric.name, role: metric.role,
                    detector: DetectorConfiguration(
                        threshold: analysis.threshold,
                        direction: AlarmDirection(rawValue: metric.direction.rawValue) ?? .both,
                        minimumDeviation: metric.minimumDeviation,
                        minimumRelativeDeviation: metric.minimumRelativeDeviation, consecutive: analysis.openAfter,
                        clearAfter: analysis.closeAfter,
                        coolDownMilliseconds: Int64(metric.coolDownSeconds * 1_000),
                        flappingMilliseconds: Int64(metric.flappingSeconds * 1_000),
                        algorithms: metric.algorithms.compactMap { Algorithm(rawValue: $0) }),
                    choosesAlgorithms: metric.algorithms.isEmpty, unit: metric.unit,
                    findsLimits: metric.findsLimits && metric.limit == nil)
            },
            forecast: BreachForecastConfiguration(horizonSeconds: analysis.horizonHours * 3_600),
            baseline: BaselineConfiguration(
                minimumDays: analysis.minimumDays, utcOffsetSeconds: Int64(analysis.utcOffsetSeconds),
                calendar: calendar),
            learningDays: analysis.learningDays, relearnHours: analysis.relearnHours)
    }
}
