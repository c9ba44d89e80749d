import Bus
import Model
import WireFormat

/// Something that people are to be told, as an entry of ``Topic/notices``.
///
/// Handed on at least once; the id tells repetitions.
struct Notice: Sendable, Equatable {
    /// What is to become of it.
    enum Kind: String, Sendable {
        /// A ticket is opened.
        case ticket
        /// A message is sent.
        case message
        /// A person is called.
        case page
    }

    var kind: Kind
    /// The same for every repetition.
    var id: String
    /// What it says, in lines.
    var text: String
    /// What it is about; `nil` where nobody can tell.
    var outcome: Outcome?
    /// Id of the plan.
    var planID: String
    var time: Timestamp

    /// What a step of a plan says.
    init(_ kind: Kind, step: String, text: String, outcome: Outcome) {
        self.kind = kind
        self.id = step
        self.text = text
        self.outcome = outcome
        self.planID = outcome.planID
        self.time = outcome.time
    }

    /// How a plan ended: a message, or a call with everything that is known where a person has to look.
    init(endOf outcome: Outcome, plan: Plan) {
        let needsPerson = outcome.state == .needsHuman
        self.init(
            needsPerson ? .page : .message, step: "\(outcome.planHash)-end",
            text: needsPerson
                ? Handover(plan, outcome).lines.joined(separator: "\n")
                : "\(outcome.planID) (\(plan.title)) ended \(outcome.state.rawValue): \(outcome.detail)",
            outcome: outcome)
    }

    /// A plan whose record cannot be read.
    init(unreadable planID: String, hash: String, reason: String, time: Timestamp) {
        kind = .page
        id = "\(hash)-end"
        text = "\(planID) needs a person: \(reason)"
        outcome = nil
        self.planID = planID
        self.time = time
    }

    /// A decision that no plan can be found by.
    init(orphan subject: String, reason: String, takenUp: [String], time: Timestamp) {
        kind = .page
        id = "\(subject)-orphan"
        text =
            "a decision needs a person, \(subject): \(reason); it is kept: sre-agent dlq\n"
            + (takenUp.isEmpty
                ? "no plan was found that is decided and not begun: compare with 'sre-approver list --all'"
                : "taken up without it, by what was signed: \(takenUp.joined(separator: ", "))")
        outcome = nil
        planID = ""
        self.time = time
    }

    /// Fields of the entry.
    func fields(_ trace: TraceContext) throws(WireError) -> [Field] {
        guard let outcome else { return plainFields(trace) }
        return try Envelope(
            outcome, id: id, source: "sre-executor", time: time, trace: trace,
            notes: [Field("kind", kind.rawValue), Field("plan", planID), Field("text", text)]
        ).fields
    }

    /// Fields of an entry without data.
    func plainFields(_ trace: TraceContext) -> [Field] {
        [
            Field("id", id), Field("source", "sre-executor"), Field("time", "\(time.rawValue)"),
            Field("traceparent", "\(trace)"), Field("kind", kind.rawValue), Field("plan", planID),
            Field("text", text),
        ]
    }
}
