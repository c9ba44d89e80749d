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
                A plan counts as a help when the agent could have carried it out, by itself or with an approval, and its \
                incident went on for longer than the plan would have needed. That is the time that was at stake, without \
                the time that people take, and not a promise that the repair would have worked.
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
                var reason: String
                var incidentSeconds: Double?
                var ongoing: Bool
                var neededSeconds: Double
                var savedSeconds: Double
            }

            struct Runbook: Encodable {
                var runbook: String
                var plans: Int
                var helpful: Int
                var savedSeconds: Double
                var succeeded: Int
                var executed: Int
            }

            var plans: Int
            var helpful: Int
            var needless: Int
            var leftToPeople: Int
            var unknown: Int
            var notGenuine: Int
            var savedSeconds: Double
            var wouldBe: [String: Int]
            var runbooks: [Runbook]
            var rows: [Row]
        }

        func run() async throws {
            let days = days
            let (report, forged) = try await options.use { bus in
                let since = ProcessContext.now().rawValue - Int64(days * 86_400_000)
                var cases: [ShadowReport.Case] = []
                var forged = 0
                for filed in try await bus.desk.recent(limit: 10_000) where filed.record.state == .shadow {
                    guard let plan = try? bus.configuration.verifier.genuine(filed.record) else {
                        forged += 1
                        continue
                    }
                    guard plan.created.rawValue >= since else { continue }
                    let data = try await bus.store.fields(bus.keys.incident(plan.incidentID, filed.partition))["data"]
                    cases.append(
                        ShadowReport.Case(
                            plan: plan, id: filed.record.id, reason: filed.record.reason,
                            incident: data.flatMap { try? Incident(json: $0) }))
                }
                return (ShadowReport(cases, now: ProcessContext.now()), forged)
            }
            guard output == .text else { return try printJSON(Self.encoded(report, forged)) }
            print(Self.text(report, days: days))
            if forged > 0 {
                print("\n\(forged) records are not genuine plans of a planner of the policy, and not counted")
            }
        }

        private static func encoded(_ report: ShadowReport, _ forged: Int) -> Output {
            Output(
                plans: report.rows.count, helpful: report.helpful, needless: report.needless,
                leftToPeople: report.leftToPeople, unknown: report.unknown, notGenuine: forged,
                savedSeconds: report.saved,
                wouldBe: Dictionary(uniqueKeysWithValues: report.dispositions.map { ($0.key.rawValue, $0.value) }),
                runbooks: report.summaries.map {
                    .init(
                        runbook: $0.runbook, plans: $0.plans, helpful: $0.helpful, savedSeconds: $0.saved,
                        succeeded: $0.succeeded, executed: $0.executed)
                },
                rows: report.rows.map {
                    .init(
                        plan: $0.id, runbook: $0.runbook, target: $0.target, wouldBe: $0.disposition.rawValue,
                        reason: $0.reason, incidentSeconds: $0.lasted, ongoing: $0.isOngoing,
                        neededSeconds: $0.needed, savedSeconds: $0.saved)
                })
        }

        private static func text(_ report: ShadowReport, days: Double) -> String {
            let span = "within \(Readable.number(days)) days"
            guard !report.rows.isEmpty else {
                return "no plans of shadow mode \(span); 'risk.mode: shadow' records them"
            }
            func count(_ disposition: ShadowReport.Disposition) -> Int { report.dispositions[disposition] ?? 0 }
            func plural(_ number: Int, _ one: String, _ many: String) -> String {
                "\(number) \(number == 1 ? one : many)"
            }
            var lines = [
                "\(plural(report.rows.count, "plan", "plans")) \(span): \(count(.auto)) would have run without approval, "
                    + "\(count(.approval)) with, \(count(.people)) would have been left to people",
                "\(report.helpful) could have ended \(report.helpful == 1 ? "its" : "their") incident sooner, by "
                    + "\(Readable.duration(report.saved)) in all",
                "\(plural(report.needless, "incident was", "incidents were")) over without a repair before it was done; "
                    + "\(plural(report.unknown, "is", "are")) no longer known",
                "",
            ]
            var runbooks = [["RUNBOOK", "PLANS", "A HELP", "SAVED", "CARRIED OUT SO FAR"]]
            runbooks += report.summaries.map { summary in
                [
                    Terminal.safe(summary.runbook), "\(summary.plans)", "\(summary.helpful)",
                    Readable.duration(summary.saved),
                    summary.executed == 0 ? "never" : "\(summary.succeeded) of \(summary.executed) verified",
                ]
            }
            lines += [Terminal.table(runbooks), ""]
            var table = [["PLAN", "RUNBOOK", "TARGET", "WOULD BE", "INCIDENT", "NEEDED", "SAVED", "BECAUSE"]]
            table += report.rows.map { row in
                let lasted = row.lasted.map { Readable.duration($0) + (row.isOngoing ? " so far" : "") }
                return [
                    row.id, Terminal.safe(row.runbook), Terminal.safe(row.target), row.disposition.rawValue,
                    lasted ?? "not known", Readable.duration(row.needed),
                    row.saved > 0 ? Readable.duration(row.saved) : "-", Terminal.safe(row.reason),
                ]
            }
            lines.append(Terminal.table(table))
            return lines.joined(separator: "\n")
        }
    }
}
