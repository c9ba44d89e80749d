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

/// Everything about one plan, to be checked anywhere.
struct PlanBundle: Codable {
    var id: String
    var hash: String
    var state: String
    var fields: [String: Data]
    /// Entries of the partition's audit chain from its first, as name-value pairs.
    var audit: [[String: Data]]
    var auditHead: String?

    /// - Throws: when the record cannot be read.
    func record() throws -> PlanRecord { try PlanRecord(hash: hash, fields: fields.mapValues { Array($0) }) }

    var entries: [StreamEntry] {
        audit.enumerated().map { index, fields in
            StreamEntry(
                id: EntryID(milliseconds: UInt64(index + 1), sequence: 0),
                fields: fields.map { Field($0.key, Array($0.value)) })
        }
    }
}

/// Checks hash, planner, statements and audit of a plan.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check the bytes, every signature and the audit chain of a plan.",
        discussion: """
            Statements are judged at the time at which they were valid, under the policy file of this configuration. With \
            --save everything is written to a file, and with --file it is checked without Redis.
            """)

    @OptionGroup var options: DeskOptions

    @Option(help: "Write everything to this file instead of checking it.")
    var save: String?

    @Option(help: "Check this file instead of Redis.")
    var file: String?

    @Argument(help: "Id of the plan, or its beginning; not with --file.")
    var plan: String?

    func validate() throws {
        guard (file == nil) != (plan == nil) else { throw ValidationError("give either a plan or --file") }
    }

    func run() async throws {
        if let file {
            guard let data = FileManager.default.contents(atPath: file),
                let bundle = try? JSONDecoder().decode(PlanBundle.self, from: data)
            else { throw Failure("\(file) is not a file that --save wrote") }
            let configuration: LoadedConfiguration
            do {
                configuration = try LoadedConfiguration(file: options.config)
            } catch {
                throw Failure("\(error)", code: ProcessRunner.badConfiguration)
            }
            return try Self.check(bundle, configuration)
        }
        let plan = plan ?? ""
        let save = save
        try await Desk.with(options) { desk in
            let bundle = try await desk.bundle(plan)
            guard let save else { return try Self.check(bundle, desk.configuration) }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(bundle).write(to: URL(fileURLWithPath: save))
            print("wrote \(save)")
        }
    }

    private static func check(_ bundle: PlanBundle, _ configuration: LoadedConfiguration) throws {
        var failures = 0
        func report(_ what: String, _ problem: String?) {
            if problem != nil { failures += 1 }
            print(
                "\(problem == nil ? "ok  " : "BAD ") \(Terminal.safe(what))\(problem.map { ": \(Terminal.safe($0))" } ?? "")"
            )
        }
        let record = try bundle.record()
        let verifier = configuration.verifier
        let plan: Plan
        do {
            plan = try verifier.genuine(record)
            report("\(record.id): bytes, hash and planner's signature", nil)
        } catch {
            report("\(record.id)", "\(error)")
            throw ExitCode(1)
        }
        for (person, bytes) in (Array(record.statements) + Array(record.withdrawals)).sorted(by: { $0.key < $1.key }) {
            do {
                let signed = try SignedStatement(json: bytes)
                let said = try ApprovalStatement(json: Array(signed.statement.utf8))
                let statement = try verifier.statement(signed, about: plan, hash: record.hash, now: said.notBefore)
                guard statement.approver == person else { throw Refusal.otherSubject("approver") }
                report("\(person): \(statement.verdict.rawValue) as \(statement.role), key \(statement.keyID)", nil)
            } catch {
                report("the statement of \(person)", "\(error)")
            }
        }
        let chain = AuditVerifier(digest: SHA256Digest(), signatures: Ed25519Verifier(), auditors: [])
        report(
            "audit chain: \(bundle.audit.count) entries of the partition",
            chain.firstBreak(bundle.entries, head: bundle.auditHead, checkpoints: []).map { "\($0)" })
        guard failures == 0 else { throw ExitCode(1) }
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
            }, auditHead: head.map { String(decoding: $0, as: UTF8.self) })
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
