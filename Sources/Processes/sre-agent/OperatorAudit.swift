import Bus
import Foundation
import Model
import RedisBus
import Runtime
import Signatures

/// Applies what an operator does together with a link of the audit chain.
struct OperatorAudit: Sendable {
    /// The person at the terminal, as the audit names them.
    static var actor: String { "operator:\(NSUserName())" }

    private let bus: BusConnection

    init(_ bus: BusConnection) { self.bus = bus }

    /// Sends a command to the analyzer of a partition, with a link of the audit chain.
    ///
    /// - Throws: `AgentFailure` when the chain is too busy.
    func send(_ command: Command, in partition: Partition, subject: String) async throws {
        let time = ProcessContext.now()
        let id = "\(command.name)-\(subject)-\(time.rawValue)"
        let envelope = try Envelope(
            command, id: id, source: "sre-agent", time: time, trace: TraceContext(seed: subject),
            notes: [Field("subject", subject)])
        try await apply(
            Transaction(changes: [.append(stream: bus.keys.stream(.commands, partition), fields: envelope.fields)]),
            in: partition, action: command.name, subject: subject, detail: command.arguments)
    }

    /// Applies changes to a partition.
    ///
    /// - Throws: `AgentFailure` when the chain is too busy.
    func apply(
        _ changes: Transaction, in partition: Partition, action: String, subject: String, detail: [String: String]
    ) async throws {
        let chain = AuditChain(keys: bus.keys, digest: SHA256Digest())
        let actor = Self.actor
        for _ in 0..<20 {
            let link = try await chain.next(
                in: partition, store: bus.store, time: ProcessContext.now(), actor: actor, action: action,
                subject: subject, detail: detail, trace: TraceContext(seed: subject))
            var transaction = link.transaction
            transaction.merge(changes)
            switch try await bus.store.transition(transaction) {
            case .committed, .repeated: return
            case .conflict(let key, _) where key == link.head: continue
            case .conflict(let key, let field): throw CommitConflict(key: key, field: field)
            case .fenced: throw FencedError.fenced
            }
        }
        throw AgentFailure("the audit chain of partition \(partition.rawValue) is too busy; try again")
    }
}
