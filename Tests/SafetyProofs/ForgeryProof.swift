import Authority
import Bus
import Decision
import Model
import Proofs
import Signatures
import Synchronization
import TestSupport
import WireFormat

/// An attacker who may write anything to the store: forged, mutated and replayed records have no effect.
package enum ForgeryProof: Proof {
    package static let name = "forgery"
    package static let fullRuns = 10_000

    /// Plans that the attacker finds in the store and knows everything about, but the keys.
    private struct Loot {
        /// Approved and carried out.
        var done: PlanRecord
        /// Waits for approvals.
        var waiting: PlanRecord
        /// Rejected by a person.
        var rejected: PlanRecord
        /// Revoked by a person.
        var revoked: PlanRecord
        /// Expired.
        var expired: PlanRecord

        var all: [PlanRecord] { [done, waiting, rejected, revoked, expired] }
    }

    /// Runs so many attacks on one installation.
    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var result = ProofReport("forgery", seed: seed)
        var generator = SeededGenerator(seed: seed)
        let stage = try Stage()
        let loot = try await loot(stage)
        let before = stage.effects.count
        result.require(before == 2, "the honest plan had \(before) effects instead of 2")
        var term: Int64 = 10
        for index in 0..<runs {
            let (name, record) = try forge(loot, stage, &generator)
            try await plant(record, stage, &generator)
            term += 1
            try? await stage.execute(term: term)
            result.runs += 1
            result.count(name)
            let state = (try? await stage.record(record.hash).state.rawValue) ?? "unreadable"
            result.count("ended \(state)")
            if stage.effects.count != before {
                result.violations.append("attack \(index), \(name): \(stage.effects.dropFirst(before))")
                break
            }
            try await clear(record, stage)
            if index % 1_000 == 999 { progress("\(index + 1) of \(runs) attacks") }
        }
        result.figures["effects"] = Double(stage.effects.count - before)
        try await mutateEveryField(stage, loot, &result)
        try await ReviewForgery.run(runs: max(200, runs / 5), stage, &generator, &result)
        return result
    }

    private static func loot(_ stage: Stage) async throws -> Loot {
        let done = try await stage.propose()
        try await stage.say(.approve, about: done)
        try await stage.execute(term: 1)
        stage.pass(seconds: 1)
        let expired = try await stage.propose(title: "expired") { $0.expires = $0.created.advanced(bySeconds: 1) }
        try await stage.say(.approve, about: expired)
        stage.pass(seconds: 2)
        let waiting = try await stage.propose(title: "waiting")
        let rejected = try await stage.propose(title: "rejected")
        try await stage.say(.reject, about: rejected, by: "john@example.com")
        let revoked = try await stage.propose(title: "revoked")
        try await stage.say(.approve, about: revoked)
        try await stage.say(.revoke, about: revoked)
        // The executor sees what people said; from then on the store cannot unsay it.
        try await stage.execute(term: 2)
        return Loot(
            done: try await stage.record(done.hash), waiting: try await stage.record(waiting.hash),
            rejected: try await stage.record(rejected.hash), revoked: try await stage.record(revoked.hash),
            expired: try await stage.record(expired.hash))
    }

    // MARK: Attacks

    private static func forge(
        _ loot: Loot, _ stage: Stage, _ generator: inout SeededGenerator
    ) throws -> (name: String, record: PlanRecord) {
        var record = loot.all.randomElement(using: &generator) ?? loot.waiting
        let ready: [PlanState] = [.approved, .autoReady, .running, .verifying, .rollingBack]
        record.state = ready.randomElement(using: &generator) ?? .approved
        record.version = Int64.random(in: 1...1_000, using: &generator)
        if Bool.random(using: &generator) { record.progress = nil }
        switch Int.random(in: 0..<12, using: &generator) {
        case 0:
            // The plan that was carried out, ready once more with all its true signatures.
            record = loot.done
            record.state = ready.randomElement(using: &generator) ?? .approved
            record.progress = nil
            return ("replay", record)
        case 1:
            flip(&record.body, &generator)
            return ("body flipped", record)
        case 2:
            flip(&record.plannerSignature, &generator)
            record.statements = loot.done.statements
            return ("planner's signature flipped", record)
        case 3:
            record.statements = loot.done.statements
            if record.hash == loot.done.hash { record = waitingWith(loot.done.statements, loot) }
            return ("another plan's approval", record)
        case 4:
            record = loot.waiting
            record.state = .approved
            record.statements = try ownKey(record, stage, "jane@example.com")
            return ("approval with the attacker's key", record)
        case 5:
            record = loot.waiting
            record.state = .approved
            for (person, bytes) in loot.done.statements {
                var bytes = bytes
                flip(&bytes, &generator)
                record.statements[person] = bytes
            }
            return ("statement flipped", record)
        case 6:
            // A plan of the attacker's own, under its own hash and id.
            record = try ownPlan(loot, stage, signer: nil, &generator)
            return ("plan with an old signature", record)
        case 7:
            record = try ownPlan(loot, stage, signer: Ed25519Signer(), &generator)
            return ("plan with the attacker's signature", record)
        case 8:
            record = loot.revoked
            record.state = .approved
            record.statements = loot.revoked.statements
            return ("revoked, with its approval", record)
        case 9:
            record = loot.rejected
            record.state = .approved
            return ("rejected, ready again", record)
        case 10:
            record = loot.expired
            record.state = .approved
            return ("expired, with its approval", record)
        default:
            record.statements = [:]
            return ("state alone", record)
        }
    }

    private static func waitingWith(_ statements: [String: [UInt8]], _ loot: Loot) -> PlanRecord {
        var record = loot.waiting
        record.state = .approved
        record.statements = statements
        return record
    }

    static func flip(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        guard let index = bytes.indices.randomElement(using: &generator) else { return }
        bytes[index] ^= UInt8.random(in: 1...255, using: &generator)
    }

    private static func ownKey(_ record: PlanRecord, _ stage: Stage, _ person: String) throws -> [String: [UInt8]] {
        let thief = Ed25519Signer()
        let maker = StatementMaker(cluster: "proof", policyHash: "policy-1", digest: SHA256Digest())
        var (signed, _) = try maker.make(
            .approve, about: record, plan: try record.plan(), approver: person, role: Verifier.approverRole,
            comment: "", nonce: String(repeating: "a", count: 32), signer: thief, now: stage.now)
        let keyID = Verifier.keyID(stage.jane.publicKey, digest: SHA256Digest())
        var statement = try ApprovalStatement(json: Array(signed.statement.utf8))
        statement.keyID = keyID
        let bytes = try statement.canonicalJSON()
        signed = SignedStatement(
            statement: String(decoding: bytes, as: UTF8.self), signature: try thief.sign(bytes))
        return [person: try signed.canonicalJSON()]
    }

    private static func ownPlan(
        _ loot: Loot, _ stage: Stage, signer: Ed25519Signer?, _ generator: inout SeededGenerator
    ) throws -> PlanRecord {
        var plan = try loot.waiting.plan()
        plan.title = "own \(UInt32.random(in: 0 ... .max, using: &generator))"
        plan.quorum = 0
        plan.risk = RiskAssessment(score: 0.6, floor: 0.6, band: .semiAuto, factors: [])
        plan.steps[0].action.parameters["replicas"] = "\(Int.random(in: 1...50, using: &generator))"
        plan.created = stage.now
        plan.expires = stage.now.advanced(bySeconds: 600)
        let identity = try PlanIdentity(plan, digest: SHA256Digest())
        let signature = try signer?.sign(Array(identity.hash.utf8)) ?? loot.done.plannerSignature
        var record = loot.waiting
        record.id = identity.id
        record.hash = identity.hash
        record.body = identity.body
        record.plannerSignature = signature
        record.state = .approved
        record.statements = try ownKey(record, stage, "jane@example.com")
        return record
    }

    // MARK: Writing to the store

    /// Writes a record, removes what the store knows of executions, and announces the plan as decided.
    private static func plant(
        _ record: PlanRecord, _ stage: Stage, _ generator: inout SeededGenerator
    ) async throws {
        let key = stage.keys.plan(record.hash, stage.partition)
        var fields = [
            Field("id", record.id), Field("state", record.state.rawValue), Field("version", "\(record.version)"),
            Field("body", record.body), Field("planner-signature", record.plannerSignature), Field("approvals", "9"),
            Field("quorum", "0"), Field("expires", "\(Int64.max / 2)"), Field("reason", ""),
        ]
        fields += record.statements.map { Field(PlanRecord.statementPrefix + $0.key, $0.value) }
        if let progress = record.progress { fields.append(Field("progress", try progress.canonicalJSON())) }
        let decision = Decision(
            planID: record.id, planHash: record.hash, state: .approved, actor: "attacker", time: stage.now, reason: "")
        let entry = try Envelope(
            decision, id: "forged", source: "attacker", time: stage.now, trace: TraceContext(seed: "forged"))
        _ = try await stage.store.transition(
            Transaction(changes: [
                .remove(key: key), .remove(key: stage.keys.activePlan("\(Stage.target)", stage.partition)),
                .remove(key: stage.keys.stream(.decisions, stage.partition)), .set(key: key, fields: fields),
                .append(stream: stage.keys.stream(.decisions, stage.partition), fields: entry.fields),
            ]))
    }

    private static func clear(_ record: PlanRecord, _ stage: Stage) async throws {
        _ = try await stage.store.transition(
            Transaction(changes: [.remove(key: stage.keys.plan(record.hash, stage.partition))]))
    }

    // MARK: Mutation after approval

    /// Every field of a plan, changed after it was approved: refused.
    private static func mutateEveryField(_ stage: Stage, _ loot: Loot, _ result: inout ProofReport) async throws {
        let record = try await stage.propose(title: "to be mutated")
        try await stage.say(.approve, about: record)
        let approved = try await stage.record(record.hash)
        let json = try JSONTree(approved.body)
        let verifier = stage.verifier
        result.require(
            (try? verifier.startable(approved, now: stage.now)) != nil, "the plan is not startable before it is mutated"
        )
        for path in json.leaves {
            for mutated in json.mutations(at: path) {
                result.runs += 1
                result.count("field mutated")
                var forged = approved
                forged.body = mutated
                result.require(
                    (try? verifier.startable(forged, now: stage.now)) == nil,
                    "\(path) mutated: startable under its hash")
                // Under the hash that fits it, which the planner never signed.
                forged.hash = SHA256Digest().sha256(mutated)
                if let plan = try? Plan(json: mutated) {
                    forged.id = PlanIdentity.id(created: plan.created, hash: forged.hash)
                }
                result.require(
                    (try? verifier.startable(forged, now: stage.now)) == nil,
                    "\(path) mutated: startable under a new hash")
            }
        }
    }
}
