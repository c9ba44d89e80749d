import ArgumentParser
import Authority
import Bus
import Foundation
import Model
import Runtime
import Settings
import Signatures
import WireFormat

/// Everything about one plan, to be checked anywhere.
struct PlanBundle: Codable {
    var id: String
    var hash: String
    var state: String
    var fields: [String: Data]
    /// Entries of the partition's audit chain from its first, as name-value pairs.
    var audit: [[String: Data]]
    var auditHead: String?
    /// The partition; absent in files of earlier versions.
    var partition: Int?

    /// - Throws: when the record cannot be read.
    func record() throws -> PlanRecord { try PlanRecord(hash: hash, fields: fields.mapValues { Array($0) }) }

    /// Sequence of the newest audit entry; 0 when there is none that can be read.
    var newestSequence: Int64 {
        entries.reversed().lazy.compactMap { stored -> AuditEntry? in
            (try? Envelope(stored)).flatMap { try? $0.decode() }
        }.first?.sequence ?? 0
    }

    var entries: [StreamEntry] {
        audit.enumerated().map { index, fields in
            StreamEntry(
                id: EntryID(milliseconds: UInt64(index + 1), sequence: 0),
                fields: fields.map { Field($0.key, Array($0.value)) })
        }
    }
}

/// Checks a plan and prints what it finds, line by line.
struct PlanCheck {
    private let bundle: PlanBundle
    private let verifier: Verifier
    private let record: PlanRecord
    private let checked: CheckpointOptions.Checked
    private let partitions: Int
    private var failures = 0

    /// - Throws: when the record cannot be read.
    init(_ bundle: PlanBundle, _ configuration: LoadedConfiguration, _ checked: CheckpointOptions.Checked) throws {
        self.bundle = bundle
        self.checked = checked
        partitions = configuration.settings.redis.partitions
        verifier = configuration.verifier
        record = try bundle.record()
    }

    /// - Throws: `ExitCode` when anything is wrong.
    func run() throws {
        var check = self
        try check.checkAll()
        guard check.failures == 0 else { throw ExitCode(1) }
    }

    private mutating func checkAll() throws {
        let plan: Plan
        do {
            plan = try verifier.genuine(record)
            report("\(record.id): bytes, hash and planner's signature", nil)
        } catch {
            report("\(record.id)", "\(error)")
            throw ExitCode(1)
        }
        let said = Array(record.statements) + Array(record.withdrawals) + Array(record.reviews)
        for (person, bytes) in said.sorted(by: { $0.key < $1.key }) { checkStatement(of: person, bytes, plan) }
        checkReview(plan)
        checkChain(bundle.partition ?? Partition(of: plan.target, count: partitions).rawValue)
        checkRecorded(said.map(\.value))
    }

    private mutating func report(_ what: String, _ problem: String?) {
        if problem != nil { failures += 1 }
        print(
            "\(problem == nil ? "ok  " : "BAD ") \(Terminal.safe(what))\(problem.map { ": \(Terminal.safe($0))" } ?? "")"
        )
    }

    private mutating func checkStatement(of person: String, _ bytes: [UInt8], _ plan: Plan) {
        do {
            let signed = try SignedStatement(json: bytes)
            let time = try ApprovalStatement(json: Array(signed.statement.utf8)).notBefore
            let statement =
                record.reviews[person] == bytes
                ? try verifier.review(signed, of: record, plan, now: time)
                : try verifier.statement(signed, about: plan, hash: record.hash, now: time)
            guard statement.approver == person else { throw Refusal.otherSubject("approver") }
            report("\(person): \(statement.verdict.rawValue) as \(statement.role), key \(statement.keyID)", nil)
        } catch {
            report("the statement of \(person)", "\(error)")
        }
    }

    /// An open review is nothing bad; it is said.
    private func checkReview(_ plan: Plan) {
        guard let review = PlanRendering.review(verifier.review(of: record, plan)) else { return }
        print("note review \(Terminal.safe(review))")
    }

    /// The chain by itself, and against the checkpoints that were given.
    private mutating func checkChain(_ partition: Int) {
        let known = checked.checkpoints?[partition] ?? []
        let entries = bundle.entries
        let alone = checked.verifier.firstBreak(entries, head: bundle.auditHead, checkpoints: [])
        let vouched = checked.verifier.firstBreak(entries, head: bundle.auditHead, checkpoints: known)
        // Checkpoints vouch for what was removed at the beginning when it was due.
        report(
            "audit chain: \(bundle.audit.count) entries of the partition",
            alone.flatMap { vouched == nil ? nil : "\($0)" })
        guard checked.checkpoints != nil else {
            return print("note checkpoints: not given; a chain that was rewritten as a whole would not show")
        }
        guard let newest = known.map(\.sequence).max() else {
            return print("note checkpoints: none of partition \(partition) is among those given")
        }
        report(
            "checkpoints: \(known.count) checked, the newest at sequence \(newest) of \(bundle.newestSequence)",
            alone == nil ? vouched.map { "\($0)" } : vouched.map { _ in "the chain does not hold" })
    }

    /// Every statement that the audit recorded must still be there.
    private mutating func checkRecorded(_ stored: [[UInt8]]) {
        let digest = SHA256Digest()
        let present = Set(
            stored.compactMap { try? SignedStatement(json: $0) }.map { digest.sha256(Array($0.statement.utf8)) })
        var entries = 0
        let before = failures
        for stored in bundle.entries {
            guard let entry: AuditEntry = (try? Envelope(stored)).flatMap({ try? $0.decode() }),
                entry.subject == record.hash, let statement = entry.detail["statement"]
            else { continue }
            entries += 1
            guard !present.contains(statement) else { continue }
            report(
                "\(entry.action) of \(entry.actor), sequence \(entry.sequence) of the audit",
                "the statement is no longer with the plan")
        }
        if failures == before { report("audit: \(entries) statements recorded, all with the plan", nil) }
    }
}
