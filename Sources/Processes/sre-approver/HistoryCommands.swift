import ArgumentParser
import Authority
import Bus
import Decision
import Foundation
import Model
import RedisBus
import Runtime
import Signatures
import WireFormat

/// Shows what happened to a plan.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show what happened to a plan, from the audit.")

    @OptionGroup var options: DeskOptions

    @Argument(help: "Id of the plan, or its beginning.")
    var plan: String

    private struct Row: Encodable {
        var sequence: Int64
        var time: String
        var actor: String
        var action: String
        var detail: [String: String]
    }

    func run() async throws {
        let plan = plan
        let options = options
        try await Desk.with(options) { desk in
            let filed = try await desk.desk.find(plan)
            let entries = try await desk.audit(of: filed)
            if options.output == .json {
                return try printJSON(
                    entries.map {
                        Row(
                            sequence: $0.sequence, time: "\($0.time)", actor: $0.actor, action: $0.action,
                            detail: $0.detail)
                    })
            }
            print(
                Terminal.table(
                    entries.map { entry in
                        let detail = entry.detail.filter { $0.key != "plan" }.sorted { $0.key < $1.key }
                            .map { "\($0.key)=\($0.value)" }.joined(separator: " ")
                        return ["\(entry.time)", entry.actor, entry.action, detail].map { Terminal.safe($0) }
                    }))
        }
    }
}

extension Desk {
    private func entries(_ partition: Partition) async throws -> [StreamEntry] {
        var entries: [StreamEntry] = []
        while true {
            let more = try await store.entries(
                keys.stream(.audit, partition), after: entries.last?.id ?? .zero, limit: 1_000)
            if more.isEmpty { return entries }
            entries += more
        }
    }

    /// Audit entries about a plan, oldest first.
    func audit(of filed: FiledPlan) async throws -> [AuditEntry] {
        try await entries(filed.partition).compactMap { stored in
            let entry: AuditEntry? = (try? Envelope(stored)).flatMap { try? $0.decode() }
            return entry?.subject == filed.record.hash ? entry : nil
        }
    }

    /// Everything about a plan.
    func bundle(_ id: String) async throws -> PlanBundle {
        let filed = try await desk.find(id)
        let fields = try await store.fields(keys.plan(filed.record.hash, filed.partition))
        let head = try await store.fields(keys.auditHead(filed.partition))["hash"]
        return PlanBundle(
            id: filed.record.id, hash: filed.record.hash, state: filed.record.state.rawValue,
            fields: fields.mapValues { Data($0) },
            audit: try await entries(filed.partition).map { entry in
                Dictionary(entry.fields.map { ($0.name, Data($0.value)) }) { $1 }
            }, auditHead: head.map { String(decoding: $0, as: UTF8.self) }, partition: filed.partition.rawValue)
    }

    /// Writes what an operator did to the audit.
    func note(_ action: String, detail: [String: String]) async throws {
        let partition = Partition(rawValue: 0)
        let chain = AuditChain(keys: keys, digest: SHA256Digest())
        for _ in 0..<20 {
            let link = try await chain.next(
                in: partition, store: store, time: ProcessContext.now(), actor: NSUserName(), action: action,
                subject: "all", detail: detail, trace: TraceContext(seed: action))
            if case .committed = try await store.appendAudit(link) { return }
        }
        throw Failure("the audit chain is too busy; try again", code: 3)
    }
}
