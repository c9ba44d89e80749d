import ArgumentParser
import Authority
import Decision
import Foundation
import Model
import Runtime

/// One line of the queue, for scripts.
struct QueueRow: Encodable {
    var id: String
    var hash: String
    var state: String
    var title: String
    var target: String
    var risk: Double
    var band: String
    var created: String
    var expires: String
    var approvals: Int
    var quorum: Int

    init(_ filed: FiledPlan, _ plan: Plan) {
        id = filed.record.id
        hash = filed.record.hash
        state = filed.record.state.rawValue
        title = plan.title
        target = "\(plan.target)"
        risk = plan.risk.score
        band = plan.risk.band.rawValue
        created = "\(plan.created)"
        expires = "\(plan.expires)"
        approvals = filed.record.statements.count
        quorum = plan.quorum
    }
}

/// Lists the approval queue.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List plans that wait for a decision, and decided ones that wait to begin.")

    @OptionGroup var options: DeskOptions

    @Flag(help: "Also list decided plans, newest first.")
    var all = false

    func run() async throws {
        let options = options
        guard all else {
            return try await Counters.with(options) { desk in
                try await Self.show(try await desk.pending(), options.output)
                guard options.output == .text else { return }
                let waiting = try await desk.waitingForExecution()
                guard !waiting.isEmpty else { return }
                print("\ndecided, and not begun by an executor yet:")
                try await Self.show(waiting, .text)
            }
        }
        try await Desk.with(options) { try await Self.show(try await $0.desk.recent(limit: 100), options.output) }
    }

    static func show(_ filed: [FiledPlan], _ output: OutputFormat) async throws {
        let plans = await read(filed)
        if output == .json { return try printJSON(plans.map { QueueRow($0.filed, $0.plan) }) }
        guard !filed.isEmpty else { return print("no plan waits for a decision") }
        let terminal = Terminal()
        let now = ProcessContext.now()
        for (filed, plan) in plans {
            print(
                "\(terminal.bold(filed.record.id))  \(filed.record.state.rawValue)  \(plan.risk.score) "
                    + "\(terminal.risk(plan.risk.band))  \(PlanRendering.age(plan.created, now))  "
                    + (PlanRendering.countdown(filed.record, plan, now).map { "\($0)  " } ?? "")
                    + Terminal.safe(plan.title))
        }
    }
}

extension ListCommand {
    /// Reads the plans of a list on all cores, because a long list takes longer to read than to load; those that cannot be
    /// read are left out.
    private static func read(_ filed: [FiledPlan]) async -> [(filed: FiledPlan, plan: Plan)] {
        let size = 64
        return await withTaskGroup(of: (Int, [(filed: FiledPlan, plan: Plan)]).self) { group in
            for start in stride(from: 0, to: filed.count, by: size) {
                group.addTask {
                    let part = filed[start..<min(start + size, filed.count)]
                    return (start, part.compactMap { one in (try? one.record.plan()).map { (one, $0) } })
                }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
    }
}

/// Shows one plan in full.
struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a plan: what, where, why, risk, steps, rollback, expiry.")

    @OptionGroup var options: DeskOptions

    @Argument(help: "Id of the plan, or its beginning.")
    var plan: String

    func run() async throws {
        let options = options
        let id = plan
        try await Counters.with(options) { desk in
            let (filed, plan) = try await desk.genuine(id)
            if options.output == .json {
                // Exactly the bytes whose hash is signed.
                print(String(decoding: filed.record.body, as: UTF8.self))
            } else {
                let incident = try await desk.incident(of: filed, plan)
                let review = desk.configuration.verifier.review(of: filed.record, plan)
                print(
                    PlanRendering().text(
                        filed.record, plan, review: review, incident: incident, now: ProcessContext.now()))
            }
        }
    }
}

/// Shows the queue whenever it changes.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Show the queue whenever it changes, until interrupted.")

    @OptionGroup var options: DeskOptions

    func run() async throws {
        let options = options
        Terminal.writeByLine()
        try await Desk.with(options) { desk in
            var shown: [String]?
            while !Task.isCancelled {
                let plans = try await desk.desk.pending()
                let state = plans.map { "\($0.record.hash) \($0.record.version)" }
                if state != shown {
                    try await ListCommand.show(plans, options.output)
                    if options.output == .text { print("") }
                    shown = state
                }
                try await Task.sleep(for: .seconds(1))
            }
        }
    }
}
