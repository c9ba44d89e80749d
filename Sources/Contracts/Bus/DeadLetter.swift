/// An entry that could not be processed, as it stands in a dead-letter stream.
package struct DeadLetter: Sendable, Equatable {
    private enum Name {
        static let reason = "dlq-reason"
        static let stream = "dlq-stream"
        static let entry = "dlq-entry"
        static let role = "dlq-role"
        static let attempts = "dlq-attempts"
        static let all: Set<String> = [reason, stream, entry, role, attempts]
    }

    /// Position in the dead-letter stream.
    package var id: EntryID
    /// Why nobody could process it.
    package var reason: String
    /// Stream that it stood in.
    package var stream: String
    /// Its position there.
    package var entry: EntryID
    /// Role that could not process it.
    package var role: String
    /// Holders of the lease that tried.
    package var attempts: Int
    /// Its own fields.
    package var fields: [Field]

    /// The fields that go before the entry's own.
    package static func notes(
        reason: String, stream: String, entry: EntryID, role: String, attempts: Int
    ) -> [Field] {
        [
            Field(Name.reason, reason), Field(Name.stream, stream), Field(Name.entry, "\(entry)"),
            Field(Name.role, role), Field(Name.attempts, "\(attempts)"),
        ]
    }

    /// Reads an entry of a dead-letter stream; `nil` when it is none.
    package init?(_ stored: StreamEntry) {
        guard let reason = stored.text(Name.reason), let stream = stored.text(Name.stream),
            let entry = stored.text(Name.entry).flatMap(EntryID.init), let role = stored.text(Name.role)
        else { return nil }
        self.id = stored.id
        self.reason = reason
        self.stream = stream
        self.entry = entry
        self.role = role
        self.attempts = stored.text(Name.attempts).flatMap { Int($0) } ?? 1
        self.fields = stored.fields.filter { !Name.all.contains($0.name) }
    }
}
