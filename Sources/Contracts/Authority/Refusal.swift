/// Why a plan or a statement is not accepted.
package enum Refusal: Error, Sendable, Equatable {
    /// The bytes are not a canonical plan or statement.
    case malformed(String)
    /// The bytes do not have the hash they are stored under.
    case altered(expected: String, actual: String)
    /// No known planner signed the plan.
    case unsignedPlan
    /// The signature of a statement does not fit its bytes.
    case forged(approver: String)
    /// The key of a statement is not one of the approver's in the policy.
    case unknownKey(approver: String, keyID: String)
    /// The approver is not in the policy, or not with the role.
    case notAnApprover(String, role: String)
    /// The statement is about something else.
    case otherSubject(String)
    /// The statement was made under another policy.
    case otherPolicy
    /// Too early or too late for the statement.
    case outsideWindow(approver: String)
    /// The plan may not be started any more.
    case expired
    /// The requester of a plan cannot approve it.
    case ownRequest(String)
    /// Who let a plan through in an emergency cannot review that.
    case ownEmergency(String)
    /// A review of a plan that nobody let through in an emergency, or one that was made before.
    case noEmergency
    /// A delegate's statement where a person's own key is needed.
    case delegateNotAllowed(String)
    /// Somebody rejected the plan.
    case rejected(by: String)
    /// An approver took the approval back.
    case revoked(by: String)
    /// Not enough people approved.
    case quorum(have: Int, need: Int)
    /// The policy forbids it.
    case forbidden(String)
    /// The plan understates its risk or its quorum.
    case understated(String)
    /// The plan is not in a state in which it may be started.
    case notReady(String)
    /// The store says that the plan was begun, but nobody claimed it.
    case unclaimed(String)
    /// Clocks differ so much that no deadline can be judged.
    case clocks(String)
    /// A budget of the policy is used up.
    case overBudget(String)
}

extension Refusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let what): "malformed: \(what)"
        case .altered(let expected, let actual): "the plan was altered: its hash is \(actual), stored under \(expected)"
        case .unsignedPlan: "the plan does not carry the signature of a planner that the policy knows"
        case .forged(let approver): "the signature of \(approver)'s statement does not fit its bytes"
        case .unknownKey(let approver, let keyID): "the key \(keyID) is not one of \(approver)'s keys in the policy"
        case .notAnApprover(let approver, let role):
            "\(approver) is not an approver with the role \(role) in the policy"
        case .otherSubject(let what): "the statement is about another \(what)"
        case .otherPolicy: "the statement was made under another policy than the one in force"
        case .outsideWindow(let approver): "\(approver)'s statement is not valid at this time"
        case .expired: "the plan has expired"
        case .ownRequest(let approver): "\(approver) asked for the plan and cannot approve it"
        case .ownEmergency(let approver): "\(approver) let the plan through in an emergency and cannot review that"
        case .noEmergency: "nobody let the plan through in an emergency before this review"
        case .delegateNotAllowed(let approver):
            "\(approver)'s statement came through the gateway, but this needs a person's own key"
        case .rejected(let approver): "\(approver) rejected the plan"
        case .revoked(let approver): "\(approver) took the approval back"
        case .quorum(let have, let need): "\(have) of \(need) needed approvals"
        case .forbidden(let reason): reason
        case .understated(let what): "the plan understates its \(what)"
        case .notReady(let state): "the plan is \(state)"
        case .unclaimed(let state): "the store says that the plan is \(state), but nobody has claimed it"
        case .clocks(let reason): reason
        case .overBudget(let reason): reason
        }
    }
}
