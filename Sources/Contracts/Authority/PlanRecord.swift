import Bus
import Model
import WireFormat

/// A plan as it stands in the store, with its state and what was said about it.
///
/// Nothing in it is trusted yet.
package struct PlanRecord: Sendable, Equatable {
    /// Name of the field that holds an approver's statement begins with this.
    package static let statementPrefix = "statement:"
    /// Name of the field that holds a person's revocation or abort begins with this.
    package static let withdrawalPrefix = "withdrawal:"

    /// Name of the field that holds a person's closing of a review begins with this.
    package static let reviewPrefix = "review:"

    /// Id of the plan.
    package var id: String
    /// Key under which it is stored: the hash it claims.
    package var hash: String
    /// State.
    package var state: PlanState
    /// Grows with every change.
    package var version: Int64
    /// Bytes of the plan.
    package var body: [UInt8]
    /// Signature of the planner over `hash`, 64 bytes.
    package var plannerSignature: [UInt8]
    /// Stored statements by approver.
    package var statements: [String: [UInt8]]
    /// Stored revocations and aborts by person.
    package var withdrawals: [String: [UInt8]]
    /// Stored closings of a review by person.
    package var reviews: [String: [UInt8]]
    /// Results of steps so far.
    package var progress: Outcome?
    /// Why the plan is in its state.
    package var reason: String

    /// Reads the fields of a plan's hash.
    ///
    /// - Throws: `WireError` naming the field that is missing or invalid.
    package init(hash: String, fields: [String: [UInt8]]) throws(WireError) {
        func text(_ name: String) throws(WireError) -> String {
            guard let bytes = fields[name] else { throw .missing(type: "plan record", field: name) }
            return String(decoding: bytes, as: UTF8.self)
        }
        let state = try text("state")
        guard let known = PlanState(rawValue: state) else {
            throw .invalid(type: "plan record", field: "state", value: state, expected: "a state of a plan")
        }
        let version = try text("version")
        guard let number = Int64(version) else {
            throw .invalid(type: "plan record", field: "version", value: version, expected: "an integer")
        }
        self.id = try text("id")
        self.hash = hash
        self.state = known
        self.version = number
        self.body = Array(try text("body").utf8)
        self.plannerSignature = fields["planner-signature"] ?? []
        func byPerson(_ prefix: String) -> [String: [UInt8]] {
            fields.reduce(into: [:]) { statements, field in
                guard field.key.hasPrefix(prefix) else { return }
                statements[String(field.key.dropFirst(prefix.count))] = field.value
            }
        }
        self.statements = byPerson(Self.statementPrefix)
        self.withdrawals = byPerson(Self.withdrawalPrefix)
        self.reviews = byPerson(Self.reviewPrefix)
        self.progress = try fields["progress"].map { bytes throws(WireError) in try Outcome(json: bytes) }
        self.reason = fields["reason"].map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Fields of a new record.
    package static func fields(
        _ identity: PlanIdentity, plan: Plan, state: PlanState, plannerSignature: [UInt8], reason: String,
        traceparent: TraceContext
    ) -> [Field] {
        [
            Field("id", identity.id), Field("state", state.rawValue), Field("version", "1"),
            Field("body", identity.body), Field("expires", "\(plan.expires.rawValue)"),
            Field("quorum", "\(plan.quorum)"), Field("approvals", "0"), Field("incident", plan.incidentID),
            Field("reason", reason), Field("planner-signature", plannerSignature),
            Field("traceparent", "\(traceparent)"),
        ]
    }

    /// The plan in its bytes, unverified.
    package func plan() throws(WireError) -> Plan { try Plan(json: body) }
}
