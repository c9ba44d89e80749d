import Analyzer
import ArgumentParser
import Bus
import Foundation
import Model
import Perception
import RedisBus
import Runtime

/// Asks for baselines to be learned now.
struct LearnCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "learn", abstract: "Learn baselines anew now; detection goes on meanwhile.",
        discussion: """
            The analyzers do it by themselves at the first start and daily. This asks for it at once, for all metrics or \
            for some, and is written into the audit.
            """)

    @OptionGroup var options: BusOptions

    @Argument(help: "Metrics of the metrics map, or 'all'.")
    var metrics: [String]

    @Flag(help: "Wait until it is done.")
    var wait = false

    func run() async throws {
        let (metrics, wait) = (metrics, wait)
        try await options.use { bus in
            let known = bus.configuration.metrics.map(\.name)
            for metric in metrics where metric != "all" && !known.contains(metric) {
                throw AgentFailure("no metric '\(metric)'; valid: all, \(known.joined(separator: ", "))")
            }
            let now = ProcessContext.now()
            let wanted: [String?] = metrics.contains("all") ? [nil] : metrics
            // The request lies outside of all partitions; its link of the chain is in the first one.
            try await OperatorAudit(bus).apply(
                Transaction(), in: Partition(rawValue: 0), action: Command.learnBaselines,
                subject: metrics.joined(separator: ","), detail: [:])
            let fields = wanted.map { Field(BaselineLearner.requestField($0), "\(now.rawValue)") }
            let key = BaselineLearner.statusKey(bus.keys)
            _ = try await bus.store.transition(
                Transaction(changes: [
                    .set(key: key, fields: fields + [Field("requester", OperatorAudit.actor)])
                ]))
            print("asked for \(metrics.joined(separator: ", "))")
            guard wait else { return }
            try await Self.wait(for: wanted, since: now, bus)
        }
    }

    /// Polls the record of learning, and tells of its progress.
    private static func wait(for metrics: [String?], since: Timestamp, _ bus: BusConnection) async throws {
        let key = BaselineLearner.statusKey(bus.keys)
        var told = ""
        while true {
            try Task.checkCancellation()
            let fields = try await bus.store.fields(key).mapValues { String(decoding: $0, as: UTF8.self) }
            let isDone = metrics.allSatisfy { metric in
                let own = fields[BaselineLearner.learnedField(metric)].flatMap { Int64($0) } ?? 0
                let all = fields[BaselineLearner.learnedField()].flatMap { Int64($0) } ?? 0
                return max(own, all) >= since.rawValue
            }
            if isDone { return print("learned") }
            let progress = [fields["progress"], fields["learning"]].compactMap { $0 }.joined(separator: " ")
            if !progress.isEmpty, progress != told {
                print(progress)
                told = progress
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }
}
