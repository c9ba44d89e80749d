import Analyzer
import ArgumentParser
import Bus
import Foundation
import Model
import RedisBus
import Runtime
import TimeSeries
import WireFormat

/// Says whether an anomaly was one.
struct FeedbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feedback", abstract: "Say whether an anomaly, or all of an incident, was a true alarm.",
        discussion: """
            A false alarm moves the threshold of its series half of the way to just above the anomaly's score, a true one a \
            tenth of the way back, always within \(ThresholdFeedback.bounds.lowerBound) and \
            \(ThresholdFeedback.bounds.upperBound). Each anomaly counts once. It is written into the audit.
            """)

    @OptionGroup var options: BusOptions

    @Argument(help: "Id of the anomaly (ANO-…) or the incident (INC-…).")
    var id: String

    @Argument(help: "Whether it was a true alarm: true or false.")
    var isTrue: Bool

    func run() async throws {
        let (id, isTrue) = (id, isTrue)
        let sent = try await options.use { bus in
            let (partition, anomalies) = try await Self.find(id, bus)
            for anomaly in anomalies {
                let verdict = ThresholdVerdict(
                    series: anomaly.series, change: .verdict(score: anomaly.peakScore, isTrue: isTrue),
                    reference: anomaly.id)
                try await OperatorAudit(bus).send(
                    verdict.command(requester: OperatorAudit.actor), in: partition, subject: anomaly.id)
            }
            return anomalies
        }
        for anomaly in sent {
            print(
                "\(anomaly.id)  \(Terminal.safe("\(anomaly.series)"))  \(isTrue ? "true" : "false") alarm, "
                    + "score \(Readable.number(anomaly.peakScore))")
        }
    }

    private static func find(_ id: String, _ bus: BusConnection) async throws -> (Partition, [Anomaly]) {
        for partition in Partition.all(count: bus.partitions) {
            if let data = try await bus.store.fields(bus.keys.anomaly(id, partition))["data"] {
                return (partition, [try Anomaly(json: data)])
            }
            if let data = try await bus.store.fields(bus.keys.incident(id, partition))["data"] {
                return (partition, try Incident(json: data).anomalies)
            }
        }
        throw AgentFailure("there is no anomaly or incident '\(id)'; see 'sre-agent streams tail anomalies'")
    }
}
