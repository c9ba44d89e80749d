import Analyzer
import ArgumentParser
import Bus
import Logging
import Perception
import Runtime
import ServiceLifecycle
import Telemetry

/// Learns baselines, detects anomalies, forecasts breaches and correlates incidents.
@main
struct AnalyzerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-analyzer",
        abstract: "Learns baselines, detects anomalies, forecasts breaches and correlates incidents.",
        version: ProductVersion.current)

    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await ProcessRunner.run("sre-analyzer", options) { context in
            let prometheus = context.prometheus()
            let custodian = try Custodian(context)
            return [
                Worker { await custodian.run() },
                Worker.restartingOnReload(context) { await Self.learner(context, prometheus).run() },
                Worker.restartingOnReload(context) { await Self.worker(context).run() },
            ]
        }
    }

    private static func learner(_ context: ProcessContext, _ prometheus: some MetricsSource) -> BaselineLearner {
        BaselineLearner(
            configuration: context.configuration.analysis,
            history: MetricHistory(source: prometheus) { context.configuration },
            store: context.store, keys: context.keys, partitions: context.partitions, timing: context.timing,
            logger: context.logger, now: ProcessContext.now, newOwner: context.newOwner,
            observeBus: context.busObserver
        ) { event in record(event, context) }
    }

    private static func worker(_ context: ProcessContext) -> PartitionWorker<AnalyzerSession> {
        PartitionWorker(
            .init(
                role: AnalyzerSession.role, inputs: AnalyzerSession.inputs, partitions: context.partitions,
                timing: context.timing, commit: 64),
            store: context.store, keys: context.keys, newOwner: context.newOwner, observe: context.busObserver
        ) { partition, _ in
            AnalyzerSession(
                partition: partition, configuration: context.configuration.analysis, store: context.store,
                keys: context.keys, now: ProcessContext.now)
        }
    }

    private static func record(_ event: LearningEvent, _ context: ProcessContext) {
        switch event {
        case .started(let metrics):
            context.metrics.set(
                "sre_baseline_metrics", to: Double(metrics), help: "Metrics that baselines are learned for.")
        case .learned(_, let series, let skipped, let done, let total):
            context.metrics.count("sre_baselines_learned_total", by: Double(series), help: "Baselines learned.")
            context.metrics.count(
                "sre_baselines_skipped_total", by: Double(skipped), help: "Series without enough history.")
            context.metrics.set(
                "sre_baseline_progress_ratio", to: Double(done) / Double(max(1, total)),
                help: "Progress of the learning run.")
        case .finished(_, let seconds):
            context.metrics.set(
                "sre_baseline_last_run_seconds", to: seconds, help: "Duration of the last learning run.")
        }
    }
}
