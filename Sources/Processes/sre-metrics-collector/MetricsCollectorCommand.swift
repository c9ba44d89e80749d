import ArgumentParser
import Bus
import Logging
import Model
import Perception
import Runtime
import ServiceLifecycle
import Settings
import Telemetry

/// Collects metrics from Prometheus into the observations streams.
@main
struct MetricsCollectorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-metrics-collector",
        abstract: "Collects metrics from Prometheus into the observations streams.",
        version: ProductVersion.current)

    @OptionGroup var options: CommonOptions

    func run() async throws {
        try await ProcessRunner.run("sre-metrics-collector", options) { context in
            let prometheus = context.prometheus()
            return [
                Worker.restartingOnReload(context) { await Self.collector(context, prometheus).run() }
            ]
        }
    }

    static func collector(
        _ context: ProcessContext, _ prometheus: some MetricsSource
    ) -> MetricsCollector {
        let settings = context.settings
        let step = Int64(settings.checkIntervalSeconds * 1_000)
        let configuration = MetricsCollector.Configuration(
            cluster: settings.cluster, defaultNamespace: settings.defaultNamespace,
            metrics: context.configuration.metrics,
            plan: WindowPlan(
                stepMilliseconds: step, settleMilliseconds: Int64(settings.settleSeconds * 1_000),
                initialMilliseconds: 30 * step),
            partitions: context.partitions, timing: context.timing, limits: context.limits)
        return MetricsCollector(
            configuration, source: prometheus, store: context.store, keys: context.keys,
            logger: context.logger, now: ProcessContext.now, newOwner: context.newOwner,
            observeBus: context.busObserver
        ) { event in record(event, context) }
    }

    private static func record(_ event: CollectionEvent, _ context: ProcessContext) {
        switch event {
        case .collected(let metric, let samples, let newest):
            context.metrics.count(
                "sre_samples_collected_total", by: Double(samples), help: "Samples stored in the streams.")
            context.metrics.set(
                "sre_collected_until_seconds", ["metric": metric], to: Double(newest.rawValue) / 1_000,
                help: "Time of the newest collected window.")
        case .sourceFailed(let metric, let error):
            context.metrics.count(
                "sre_source_errors_total", ["metric": metric], help: "Queries without a usable answer.")
            context.logger.debug("a query failed", metadata: ["metric": "\(metric)", "reason": "\(error)"])
        case .sourceRecovered: context.logger.info("the metrics source answers again")
        case .sourceWarned(let metric, let warning):
            context.metrics.count("sre_source_warnings_total", ["metric": metric], help: "Warnings of the source.")
            context.logger.warning(
                "the metrics source warns", metadata: ["metric": "\(metric)", "warning": "\(warning)"])
        case .pressed(let stream):
            context.metrics.count(
                "sre_streams_pressed_total", help: "Times that collection became coarser because readers lag behind.")
            context.logger.warning(
                "readers of a stream lag behind; collection is coarser for now", metadata: ["stream": "\(stream)"])
        case .blocked(let stream):
            context.metrics.count("sre_streams_full_total", help: "Windows held back because a stream is full.")
            context.logger.error("a stream is full; collection waits", metadata: ["stream": "\(stream)"])
        }
    }
}
