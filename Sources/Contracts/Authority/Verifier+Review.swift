import Model
import WireFormat

/// How the review of a plan stands that one person let through in an emergency.
package enum ReviewStatus: Sendable, Equatable {
    /// Nobody let the plan through in an emergency.
    case notNeeded
    /// Nobody but those who let it through has looked at it since.
    case open(letThroughBy: [String])
    /// Another person closed it.
    case closed(letThroughBy: [String], by: String, at: Timestamp, comment: String)

    /// Whether a person still has to look at it.
    package var isOpen: Bool { if case .open = self { true } else { false } }
}

extension Verifier {
    /// Checks the closing of a review: a statement like every other, of somebody else, made after the emergency.
    package func review(
        _ stored: SignedStatement, of record: PlanRecord, _ plan: Plan, now: Timestamp
    ) throws(Refusal) -> ApprovalStatement {
        let statement = try statement(stored, about: plan, hash: record.hash, now: now)
        guard statement.verdict == .review else { throw .malformed("the statement is no review") }
        let emergencies = Self.emergencies(record)
        // Also who only seems to have let it through cannot close it: a forged record can keep a review open, not close it.
        guard emergencies[statement.approver] == nil else { throw .ownEmergency(statement.approver) }
        guard let last = emergencies.values.max(), statement.notBefore >= last else { throw .noEmergency }
        return statement
    }

    /// How the review of a plan stands, by what people signed; what else is stored about it proves nothing.
    ///
    /// Closings are judged at the time from which they were valid.
    package func review(of record: PlanRecord, _ plan: Plan) -> ReviewStatus {
        let people = Self.emergencies(record).keys.sorted()
        guard !people.isEmpty else { return .notNeeded }
        for (person, bytes) in record.reviews.sorted(by: { $0.key < $1.key }) {
            guard let signed = try? SignedStatement(json: bytes),
                let said = try? ApprovalStatement(json: Array(signed.statement.utf8)),
                let statement = try? review(signed, of: record, plan, now: said.notBefore),
                statement.approver == person
            else { continue }
            return .closed(
                letThroughBy: people, by: person, at: statement.notBefore, comment: statement.comment)
        }
        return .open(letThroughBy: people)
    }

    /// Whether a genuine break-glass approval is in the record, whenever it was made.
    package func hasEmergency(_ record: PlanRecord, _ plan: Plan) -> Bool {
        record.statements.values.contains { bytes in
            guard let signed = try? SignedStatement(json: bytes),
                let said = try? ApprovalStatement(json: Array(signed.statement.utf8)),
                said.role == Self.breakGlassRole, said.verdict == .approve
            else { return false }
            return (try? statement(signed, about: plan, hash: record.hash, now: said.notBefore)) != nil
        }
    }

    /// Who says to have let the plan through, and from when that is valid; not verified.
    private static func emergencies(_ record: PlanRecord) -> [String: Timestamp] {
        record.statements.values.reduce(into: [:]) { people, bytes in
            guard let signed = try? SignedStatement(json: bytes),
                let said = try? ApprovalStatement(json: Array(signed.statement.utf8)),
                said.role == breakGlassRole, said.verdict == .approve
            else { return }
            people[said.approver] = max(said.notBefore, people[said.approver] ?? said.notBefore)
        }
    }
}
