/// What an approver says about a plan.
package enum Verdict: String, Sendable, CaseIterable {
    case approve = "APPROVE"
    case reject = "REJECT"
    /// Takes an approval back before the plan is claimed.
    case revoke = "REVOKE"
    /// Stops a claimed plan before its next step.
    case abort = "ABORT"
    /// Closes the review of a plan that one person let through in an emergency.
    case review = "REVIEW"
}

/// What an approver signs.
package struct ApprovalStatement: Sendable, Equatable {
    /// Cluster name from the configuration.
    package var cluster: String
    /// SHA-256 of the plan, lower-case hex.
    package var planHash: String
    /// What is said.
    package var verdict: Verdict
    /// The person, as named in the policy.
    package var approver: String
    /// First 16 hex digits of the SHA-256 of the public key.
    package var keyID: String
    /// Role under which the person speaks.
    package var role: String
    /// Random, 32 hex digits.
    package var nonce: String
    /// From when the statement is valid.
    package var notBefore: Timestamp
    /// Until when the statement is valid.
    package var notAfter: Timestamp
    /// SHA-256 of the policy in force, lower-case hex.
    package var policyHash: String
    /// Reason of a rejection, comment of an approval, or what a review found.
    package var comment: String

    package init(
        cluster: String, planHash: String, verdict: Verdict, approver: String, keyID: String, role: String,
        nonce: String, notBefore: Timestamp, notAfter: Timestamp, policyHash: String, comment: String
    ) {
        self.cluster = cluster
        self.planHash = planHash
        self.verdict = verdict
        self.approver = approver
        self.keyID = keyID
        self.role = role
        self.nonce = nonce
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.policyHash = policyHash
        self.comment = comment
    }
}

/// A statement with its signature, as it is stored.
package struct SignedStatement: Sendable, Equatable {
    /// Canonical JSON of an `ApprovalStatement`, exactly the signed bytes.
    package var statement: String
    /// Ed25519 signature over the UTF-8 bytes of `statement`, 64 bytes.
    package var signature: [UInt8]

    package init(statement: String, signature: [UInt8]) {
        self.statement = statement
        self.signature = signature
    }
}

/// A plan has left the approval queue.
package struct Decision: Sendable, Equatable {
    /// Id of the plan.
    package var planID: String
    /// Hash of the plan, lower-case hex.
    package var planHash: String
    /// State that the plan went to.
    package var state: PlanState
    /// Who decided.
    package var actor: String
    /// When.
    package var time: Timestamp
    /// Why, where a reason was given.
    package var reason: String

    package init(planID: String, planHash: String, state: PlanState, actor: String, time: Timestamp, reason: String) {
        self.planID = planID
        self.planHash = planHash
        self.state = state
        self.actor = actor
        self.time = time
        self.reason = reason
    }
}
