import ArgumentParser
import Authority
import Bus
import Decision
import Foundation
import Model
import RedisBus
import Runtime
import Settings
import WireFormat

/// Reports over longer times.
struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Reports over longer times.", subcommands: [ShadowCommand.self])

    /// What shadow mode would have done.
    struct ShadowCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "shadow", abstract: "Say what the plans of shadow mode would have helped.",
            discussion: """
                A plan counts as a help when its incident went on for longer than the plan would have needed. That is \
                the time that was at stake, not a promise that the repair would have worked.
                """)

        @OptionGroup var options: BusOptions

        @Option(help: "Days to look back, 1 to 90.")
        var days = 7.0

        @Option(name: .shortAndLong, help: "How to print: text or json.")
        var output = OutputFormat.text

        func validate() throws {
            guard (1...90).contains(days) else { throw ValidationError("--days must be 1 to 90") }
        }

        private struct Output: Encodable {
            struct Row: Encodable {
                var plan: String
                var runbook: String
                var target: String
                var wouldBe: String
                var incidentSeconds: Double?
                var neededSeconds: Double
                var savedSeconds: Double
            }

            var plans: Int
            var helpful: Int
            var needless: Int
            var unknown: Int
            var savedSeconds: Double
            var wouldBe: [String: Int]
            var rows: [Row]
        }

        func run() async throws {
            let days = days
            let report = try await options.use { bus in
                let since = ProcessContext.now().rawValue - Int64(days * 86_400_000)
                var cases: [ShadowReport.Case] = []
                for filed in try await bus.desk.recent(limit: 10_000) where filed.record.state == .shadow {
                    guard let plan = try? filed.record.plan(), plan.created.rawValue >= since else { continue }
                    let data = try await bus.store.fields(bus.keys.incident(plan.incidentID, filed.partition))["data"]
                    let reason = filed.record.reason
                    let disposition = reason.firstRange(of: "it would be ").map { range in
                        String(reason[range.upperBound...].prefix { $0 != ":" })
                    }
                    cases.append(
                        ShadowReport.Case(
                            plan: plan, id: filed.record.id, disposition: disposition ?? "unknown",
                            incident: data.flatMap { try? Incident(json: $0) }))
                }
                return ShadowReport(cases, now: ProcessContext.now())
            }
            output == .json ? try printJSON(Self.encoded(report)) : print(Self.text(report, days: days))
        }

        private static func encoded(_ report: ShadowReport) -> Output {
            Output(
                plans: report.rows.count, helpful: report.helpful, needless: report.needless, unknown: report.unknown,
                savedSeconds: report.saved, wouldBe: report.dispositions,
                rows: report.rows.map {
                    .init(
                        plan: $0.id, runbook: $0.runbook, target: $0.target, wouldBe: $0.disposition,
                        incidentSeconds: $0.lasted, neededSeconds: $0.needed, savedSeconds: $0.saved)
                })
        }

        private static func text(_ report: ShadowReport, days: Double) -> String {
            guard !report.rows.isEmpty else {
                return "no plans of shadow mode within \(Readable.number(days)) days; 'risk.mode: shadow' records them"
            }
            let kinds = report.dispositions.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            var lines = [
                "\(report.rows.count) plans within \(Readable.number(days)) days, which would have been: "
                    + kinds.joined(separator: ", "),
                "\(report.helpful) could have ended their incident sooner, by \(Readable.duration(report.saved)) in all",
                "\(report.needless) incidents were over by themselves before; \(report.unknown) are no longer known",
                "",
            ]
            var table = [["PLAN", "RUNBOOK", "TARGET", "WOULD BE", "INCIDENT", "NEEDED", "SAVED"]]
            table += report.rows.map { row in
                [
                    row.id, Terminal.safe(row.runbook), Terminal.safe(row.target), row.disposition,
                    row.lasted.map { Readable.duration($0) } ?? "?", Readable.duration(row.needed),
                    Readable.duration(row.saved),
                ]
            }
            lines.append(Terminal.table(table))
            return lines.joined(separator: "\n")
        }
    }
}
