import Analyzer
import ArgumentParser
import Bus
import Foundation
import Model
import Perception
import RedisBus
import Runtime
import Settings
import TimeSeries

/// A proposed threshold of one series with its back-test, as it is stored.
private struct StoredProposal: Codable {
    var id: String
    var metric: String
    var labels: [String: String]
    /// Cluster, namespace, kind, name.
    var entity: [String]
    /// Unix milliseconds.
    var made: Int64
    /// Threshold that was configured then.
    var configured: Double
    var alarmsPerDay: Double
    var threshold: Double
    var trials: [ThresholdProposal.Trial]

    var series: SeriesID { SeriesID(metric: metric, labels: labels) }

    func trial(_ threshold: Double) -> ThresholdProposal.Trial? { trials.first { $0.threshold == threshold } }
}

/// Looks after proposed thresholds.
struct ProposalsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proposals", abstract: "Make, list, show, apply and drop proposals of thresholds.",
        discussion: """
            'make' runs the history of every series through the engine with several thresholds and keeps, for series that \
            would have alarmed more often than asked for, the lowest threshold that would not have. Nothing is applied \
            before that: 'apply' takes a proposal that was made within a week, with its back-test, into use.
            """,
        subcommands: [MakeCommand.self, ListCommand.self, ShowCommand.self, ApplyCommand.self, DropCommand.self],
        defaultSubcommand: ListCommand.self)

    /// Proposals older than this are made again before they are applied, milliseconds.
    private static let longest: Int64 = 7 * 86_400_000

    private static func all(_ bus: BusConnection) async throws -> [StoredProposal] {
        try await bus.store.fields(bus.keys.proposals).values
            .compactMap { try? JSONDecoder().decode(StoredProposal.self, from: Data($0)) }
            .sorted { ($0.made, $0.id) < ($1.made, $1.id) }
    }

    private static func find(_ id: String, _ bus: BusConnection) async throws -> StoredProposal {
        guard let bytes = try await bus.store.fields(bus.keys.proposals)[id],
            let proposal = try? JSONDecoder().decode(StoredProposal.self, from: Data(bytes))
        else { throw AgentFailure("there is no proposal '\(id)'; see 'sre-agent proposals list'") }
        return proposal
    }

    private static func line(_ proposal: StoredProposal) -> String {
        let before = proposal.trial(proposal.configured).map { Readable.number($0.alarmsPerDay) } ?? "?"
        let after = proposal.trial(proposal.threshold).map { Readable.number($0.alarmsPerDay) } ?? "?"
        return "\(proposal.id)  \(Readable.number(proposal.configured)) → \(Readable.number(proposal.threshold))  "
            + "\(before) → \(after) alarms a day  \(Terminal.safe("\(proposal.series)"))"
    }

    /// Makes proposals.
    struct MakeCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "make", abstract: "Back-test thresholds on history and keep what would alarm less.")

        @Argument(help: "Metrics of the metrics map; all of them when none is named.")
        var metrics: [String] = []

        @OptionGroup var history: HistoryOptions

        @Option(help: "Alarms a day and series that are acceptable, above 0.")
        var alarmsPerDay = 0.2

        func validate() throws {
            guard alarmsPerDay > 0, alarmsPerDay.isFinite else {
                throw ValidationError("--alarms-per-day must be above 0")
            }
        }

        func run() async throws {
            let configuration = try LoadedConfiguration(file: history.config)
            let now = ProcessContext.now()
            let names = metrics.isEmpty ? configuration.metrics.map(\.name) : metrics
            var made: [StoredProposal] = []
            var hopeless: [String] = []
            for name in names {
                for series in try await history.load(name, configuration, now: now.rawValue) {
                    switch outcome(series, name, configuration, now) {
                    case .quiet: break
                    case .proposal(let proposal): made.append(proposal)
                    case .hopeless(let reason): hopeless.append(reason)
                    }
                }
            }
            let proposals = made
            try await BusConnection(configuration).use { bus in
                for proposal in proposals {
                    let bytes = Array(try JSONEncoder().encode(proposal))
                    _ = try await bus.store.transition(
                        Transaction(changes: [.set(key: bus.keys.proposals, fields: [Field(proposal.id, bytes)])]))
                }
            }
            for proposal in proposals { print(line(proposal)) }
            for reason in hopeless { print(Terminal.safe(reason)) }
            if proposals.isEmpty, hopeless.isEmpty {
                print("no series alarms more often than \(Readable.number(alarmsPerDay)) a day")
            }
        }

        private enum Outcome {
            /// The series keeps within the alarms as it is.
            case quiet
            case proposal(StoredProposal)
            /// No threshold that was tried keeps within them, in one sentence.
            case hopeless(String)
        }

        private func outcome(
            _ series: HistoryOptions.History, _ metric: String, _ configuration: LoadedConfiguration, _ now: Timestamp
        ) -> Outcome {
            guard let definition = series.definition else { return .quiet }
            let detector = configuration.detector(of: metric)
            let analysis = configuration.analysis
            let tested = ThresholdProposal(
                series.samples, alarmsPerDay: alarmsPerDay, incidents: series.incidents, detector: detector,
                baselineConfiguration: analysis.baseline, learningDays: analysis.learningDays,
                choosesAlgorithms: configuration.choosesAlgorithms(of: metric))
            guard let threshold = tested.proposed else {
                let least = tested.trials.map(\.alarmsPerDay).min() ?? 0
                return .hopeless(
                    "\(series.name): no threshold keeps within \(Readable.number(alarmsPerDay)) alarms a day, the best leaves "
                        + "\(Readable.number(least)): these are large; minimum_deviation and cool_down_seconds of its metric "
                        + "may help, 'sre-agent backtest' shows them")
            }
            guard threshold > detector.threshold else { return .quiet }
            let entity = definition.entity(
                labels: series.labels, cluster: configuration.settings.cluster,
                defaultNamespace: configuration.settings.defaultNamespace)
            var hash = StableHash()
            hash.combine("\(SeriesID(metric: metric, labels: series.labels))")
            return .proposal(
                StoredProposal(
                    id: "PRO-\(hash.base32)", metric: metric, labels: series.labels,
                    entity: [entity.cluster, entity.namespace, entity.kind, entity.name], made: now.rawValue,
                    configured: detector.threshold, alarmsPerDay: alarmsPerDay, threshold: threshold,
                    trials: tested.trials))
        }
    }

    /// Lists them.
    struct ListCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the proposals.")

        @OptionGroup var options: BusOptions

        @Option(name: .shortAndLong, help: "How to print: text or json.")
        var output = OutputFormat.text

        func run() async throws {
            let proposals = try await options.use { bus in try await all(bus) }
            if output == .json { return try printJSON(proposals) }
            if proposals.isEmpty { print("no proposals; 'sre-agent proposals make' makes some") }
            for proposal in proposals { print(line(proposal)) }
        }
    }

    /// Shows one.
    struct ShowCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Show a proposal with its back-test.")

        @OptionGroup var options: BusOptions

        @Option(name: .shortAndLong, help: "How to print: text or json.")
        var output = OutputFormat.text

        @Argument(help: "Id, as 'proposals list' prints it.")
        var id: String

        func run() async throws {
            let id = id
            let proposal = try await options.use { bus in try await find(id, bus) }
            if output == .json { return try printJSON(proposal) }
            print(line(proposal))
            print("  made \(Timestamp(milliseconds: proposal.made))")
            for trial in proposal.trials {
                let precision = trial.precision.map { ", precision \(Readable.number($0))" } ?? ""
                let recall = trial.recall.map { ", recall \(Readable.number($0))" } ?? ""
                print(
                    "  threshold \(Readable.number(trial.threshold)): "
                        + "\(Readable.number(trial.alarmsPerDay)) alarms a day\(precision)\(recall)")
            }
        }
    }

    /// Takes one into use.
    struct ApplyCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "apply", abstract: "Take a proposal into use; it is written into the audit.")

        @OptionGroup var options: BusOptions

        @Argument(help: "Id, as 'proposals list' prints it.")
        var id: String

        func run() async throws {
            let id = id
            let proposal = try await options.use { bus in
                let proposal = try await find(id, bus)
                let age = ProcessContext.now().rawValue - proposal.made
                let configured = bus.configuration.detector(of: proposal.metric).threshold
                guard age <= longest, configured == proposal.configured, proposal.entity.count == 4 else {
                    throw AgentFailure(
                        "\(id) was back-tested \(age / 86_400_000) days ago with the threshold "
                            + "\(proposal.configured), now it is \(configured); make it again")
                }
                let entity = Entity(
                    cluster: proposal.entity[0], namespace: proposal.entity[1], kind: proposal.entity[2],
                    name: proposal.entity[3])
                let verdict = ThresholdVerdict(
                    series: proposal.series, change: .threshold(proposal.threshold), reference: id)
                try await OperatorAudit(bus).send(
                    verdict.command(requester: OperatorAudit.actor), in: Partition(of: entity, count: bus.partitions),
                    subject: id)
                _ = try await bus.store.transition(
                    Transaction(changes: [.unset(key: bus.keys.proposals, fields: [id])]))
                return proposal
            }
            print(
                "\(Terminal.safe("\(proposal.series)")) now alarms from a score of "
                    + "\(Readable.number(proposal.threshold)) on")
        }
    }

    /// Removes one.
    struct DropCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "drop", abstract: "Remove a proposal.")

        @OptionGroup var options: BusOptions

        @Argument(help: "Id, as 'proposals list' prints it.")
        var id: String

        func run() async throws {
            let id = id
            try await options.use { bus in
                _ = try await find(id, bus)
                _ = try await bus.store.transition(
                    Transaction(changes: [.unset(key: bus.keys.proposals, fields: [id])]))
            }
            print("\(id) is gone")
        }
    }
}
