import FoundationEssentials
import Model
import SwiftProtobuf

extension ApprovalStatement: WireMessage {
    package static var eventType: String { "sre.approval-statement.v1" }

    package init(proto: Sre_V1_ApprovalStatement) throws(WireError) {
        let type = "ApprovalStatement"
        let verdict: Verdict
        switch proto.verdict {
        case .approve: verdict = .approve
        case .reject: verdict = .reject
        case .revoke: verdict = .revoke
        case .abort: verdict = .abort
        case .review: verdict = .review
        case .unspecified, .UNRECOGNIZED: throw Check.unknownEnum(proto.verdict, type, "verdict")
        }
        self.init(
            cluster: try Check.text(proto.cluster, type, "cluster"),
            planHash: try Check.text(proto.planHash, type, "plan_hash"), verdict: verdict,
            approver: try Check.text(proto.approver, type, "approver"),
            keyID: try Check.text(proto.keyID, type, "key_id"), role: try Check.text(proto.role, type, "role"),
            nonce: try Check.text(proto.nonce, type, "nonce"),
            notBefore: Timestamp(milliseconds: proto.notBeforeMs),
            notAfter: Timestamp(milliseconds: proto.notAfterMs),
            policyHash: try Check.text(proto.policyHash, type, "policy_hash"), comment: proto.comment)
    }

    package var proto: Sre_V1_ApprovalStatement {
        .with {
            $0.cluster = cluster
            $0.planHash = planHash
            switch verdict {
            case .approve: $0.verdict = .approve
            case .reject: $0.verdict = .reject
            case .revoke: $0.verdict = .revoke
            case .abort: $0.verdict = .abort
            case .review: $0.verdict = .review
            }
            $0.approver = approver
            $0.keyID = keyID
            $0.role = role
            $0.nonce = nonce
            $0.notBeforeMs = notBefore.rawValue
            $0.notAfterMs = notAfter.rawValue
            $0.policyHash = policyHash
            $0.comment = comment
        }
    }
}

extension SignedStatement: WireMessage {
    package static var eventType: String { "sre.signed-statement.v1" }

    package init(proto: Sre_V1_SignedStatement) throws(WireError) {
        guard proto.signature.count == 64 else {
            throw .invalid(
                type: "SignedStatement", field: "signature", value: "\(proto.signature.count) bytes",
                expected: "64 bytes")
        }
        self.init(
            statement: try Check.text(proto.statement, "SignedStatement", "statement"),
            signature: Array(proto.signature))
    }

    package var proto: Sre_V1_SignedStatement {
        .with {
            $0.statement = statement
            $0.signature = .init(signature)
        }
    }
}

extension Decision: WireMessage {
    package static var eventType: String { "sre.decision.v1" }

    package init(proto: Sre_V1_Decision) throws(WireError) {
        self.init(
            planID: try Check.text(proto.planID, "Decision", "plan_id"),
            planHash: try Check.text(proto.planHash, "Decision", "plan_hash"),
            state: try Check.name(proto.state, "Decision", "state"), actor: proto.actor,
            time: Timestamp(milliseconds: proto.timeMs), reason: proto.reason)
    }

    package var proto: Sre_V1_Decision {
        .with {
            $0.planID = planID
            $0.planHash = planHash
            $0.state = state.rawValue
            $0.actor = actor
            $0.timeMs = time.rawValue
            $0.reason = reason
        }
    }
}
