import Authority
import Bus
import Decision
import Model
import Proofs
import Signatures
import Synchronization
import TestSupport
import WireFormat

/// An attacker who may write anything to the store closes the review of an emergency: whoever reads it finds it open.
enum ReviewForgery {
    private static let (jane, john, mary) = ("jane@example.com", "john@example.com", "mary@example.com")

    /// What the attacker finds.
    private struct Loot {
        /// Let through in an emergency; nobody has reviewed it.
        var open: PlanRecord
        /// Another one, with a genuine review.
        var reviewed: PlanRecord

        func review(of person: String) throws -> SignedStatement {
            guard let bytes = reviewed.reviews[person] else { throw ProofError("there is no review of \(person)") }
            return try SignedStatement(json: bytes)
        }
    }

    /// Runs so many attacks.
    static func run(
        runs: Int, _ stage: Stage, _ generator: inout SeededGenerator, _ result: inout ProofReport
    ) async throws {
        let loot = try await loot(stage)
        let plan = try loot.open.plan()
        let honest = try await stage.desk.reviews(stage.verifier).map(\.record.hash)
        result.require(honest == [loot.open.hash], "\(honest.count) reviews are open instead of 1")
        for index in 0..<runs {
            var record = loot.open
            let (name, person, bytes) = try forge(loot, stage, &generator)
            record.reviews[person] = bytes
            try await plant(record, person, bytes, stage)
            result.runs += 1
            result.count("review: \(name)")
            result.require(
                stage.verifier.review(of: record, plan).isOpen,
                "attack \(index), review \(name): closed for who reads it")
            let listed = try await stage.desk.reviews(stage.verifier).map(\.record.hash)
            result.require(listed == [loot.open.hash], "attack \(index), review \(name): not listed any more")
            let again = try? SignedStatement(json: bytes)
            if let again {
                result.require(
                    (try? stage.verifier.review(again, of: loot.open, plan, now: stage.now)) == nil,
                    "attack \(index), review \(name): would be taken in")
            }
        }
        try mutateEveryField(stage, loot, plan, &result)
    }

    private static func loot(_ stage: Stage) async throws -> Loot {
        func emergency(_ title: String) async throws -> PlanRecord {
            let record = try await stage.propose(title: title)
            try await stage.say(.approve, about: record, role: Verifier.breakGlassRole)
            return try await stage.record(record.hash)
        }
        let reviewed = try await emergency("reviewed emergency")
        try await stage.say(.review, about: reviewed, by: john)
        return Loot(
            open: try await emergency("open emergency"), reviewed: try await stage.record(reviewed.hash))
    }

    private static func forge(
        _ loot: Loot, _ stage: Stage, _ generator: inout SeededGenerator
    ) throws -> (name: String, person: String, bytes: [UInt8]) {
        let genuine = try loot.review(of: john)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: return ("of another plan", john, try genuine.canonicalJSON())
        case 1:
            var signed = genuine
            ForgeryProof.flip(&signed.signature, &generator)
            return ("signature flipped", john, try signed.canonicalJSON())
        case 2:
            // About the open plan, but signed for the other one.
            var said = try ApprovalStatement(json: Array(genuine.statement.utf8))
            said.planHash = loot.open.hash
            let text = String(decoding: try said.canonicalJSON(), as: UTF8.self)
            return (
                "moved to this plan", john,
                try SignedStatement(statement: text, signature: genuine.signature).canonicalJSON()
            )
        case 3: return ("by who let it through", jane, try statement(loot, stage, jane, stage.jane).canonicalJSON())
        case 4:
            return ("with the attacker's key", mary, try statement(loot, stage, mary, Ed25519Signer()).canonicalJSON())
        case 5:
            let role = Verifier.delegateRole
            return (
                "through the gateway", mary,
                try statement(loot, stage, mary, stage.gateway, role: role).canonicalJSON()
            )
        case 6:
            let other = try statement(loot, stage, john, stage.john, verdict: .approve)
            return ("an approval in its place", john, try other.canonicalJSON())
        default:
            var bytes = try genuine.canonicalJSON()
            ForgeryProof.flip(&bytes, &generator)
            return ("bytes flipped", john, bytes)
        }
    }

    private static func statement(
        _ loot: Loot, _ stage: Stage, _ person: String, _ signer: Ed25519Signer,
        role: String = Verifier.approverRole, verdict: Verdict = .review
    ) throws -> SignedStatement {
        let maker = StatementMaker(
            cluster: "proof", policyHash: stage.policy.withLock { $0.hash }, digest: SHA256Digest())
        return try maker.make(
            verdict, about: loot.open, plan: try loot.open.plan(), approver: person, role: role, comment: "",
            nonce: String(repeating: "c", count: 32), signer: signer, now: stage.now
        ).0
    }

    /// Writes the closing to the record and takes the plan out of the queue of reviews.
    private static func plant(
        _ record: PlanRecord, _ person: String, _ bytes: [UInt8], _ stage: Stage
    ) async throws {
        let key = stage.keys.plan(record.hash, stage.partition)
        let fields = try await stage.store.fields(key)
            .filter { !$0.key.hasPrefix(PlanRecord.reviewPrefix) }.map { Field($0.key, $0.value) }
        _ = try await stage.store.transition(
            Transaction(changes: [
                .remove(key: key),
                .set(key: key, fields: fields + [Field(PlanRecord.reviewPrefix + person, bytes)]),
                .unrank(key: stage.keys.reviewQueue(stage.partition), member: record.hash),
            ]))
    }

    /// Every field of a genuine closing, changed after it was signed: the review is open.
    private static func mutateEveryField(
        _ stage: Stage, _ loot: Loot, _ plan: Plan, _ result: inout ProofReport
    ) throws {
        let genuine = try statement(loot, stage, john, stage.john)
        var record = loot.open
        record.reviews = [john: try genuine.canonicalJSON()]
        result.require(!stage.verifier.review(of: record, plan).isOpen, "a genuine review closes nothing")
        let json = try JSONTree(Array(genuine.statement.utf8))
        for path in json.leaves {
            for mutated in json.mutations(at: path) {
                result.runs += 1
                result.count("review: field mutated")
                let text = String(decoding: mutated, as: UTF8.self)
                record.reviews = [
                    john: try SignedStatement(statement: text, signature: genuine.signature).canonicalJSON()
                ]
                result.require(
                    stage.verifier.review(of: record, plan).isOpen, "\(path) of a review mutated: closed")
            }
        }
    }
}
