/// One link of the audit chain of a partition.
package struct AuditEntry: Sendable, Equatable {
    /// From 1, without gaps.
    package var sequence: Int64
    /// SHA-256 of the entry before, lower-case hex; 64 zeros for the first.
    package var previousHash: String
    /// When.
    package var time: Timestamp
    /// Process or person.
    package var actor: String
    /// What was done, such as `plan.approved`.
    package var action: String
    /// Plan hash or incident id.
    package var subject: String
    /// Further facts by name.
    package var detail: [String: String]

    package init(
        sequence: Int64, previousHash: String, time: Timestamp, actor: String, action: String, subject: String,
        detail: [String: String]
    ) {
        self.sequence = sequence
        self.previousHash = previousHash
        self.time = time
        self.actor = actor
        self.action = action
        self.subject = subject
        self.detail = detail
    }
}

/// Something an operator asks of a process.
package struct Command: Sendable, Equatable {
    /// Name of the baseline learning command.
    package static let learnBaselines = "baseline.learn"

    /// Name, such as `baseline.learn`.
    package var name: String
    /// Who asks.
    package var requester: String
    /// Arguments by name.
    package var arguments: [String: String]

    package init(name: String, requester: String, arguments: [String: String] = [:]) {
        self.name = name
        self.requester = requester
        self.arguments = arguments
    }
}
