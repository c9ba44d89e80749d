/// What a role does with the entries of one partition, while it holds the partition's lease.
///
/// A session lives in one task; it is opened anew after every change of hands and every error.
package protocol PartitionSession: SendableMetatype {
    /// Takes up the state that `snapshot` returned earlier; `nil` when there is none.
    mutating func restore(_ snapshot: [UInt8]?) async throws

    /// Folds an entry that was processed after the snapshot was taken; its outputs exist already.
    mutating func replay(_ entry: StreamEntry, topic: Topic) async throws

    /// Processes a new entry.
    ///
    /// - Returns: changes that are applied together with the step forward in the stream.
    /// - Throws: `UnreadableEntry` to have the entry set aside; any other error ends the session.
    mutating func process(_ entry: StreamEntry, topic: Topic) async throws -> Transaction

    /// Does what time asks for; called after each round and at least once a second.
    mutating func elapse() async throws -> Transaction

    /// State to take up later; `nil` when the session keeps all its state in the store.
    func snapshot() throws -> [UInt8]?

    /// What runs beside the reading, from after ``restore(_:)`` until the session ends, which cancels it and waits for it.
    ///
    /// Without effect on the session when it returns; default `nil`.
    var companion: (@Sendable () async -> Void)? { get }

    /// What becomes of an entry that nobody got past in several attempts.
    ///
    /// - Returns: changes that are applied together with the step past the entry, such as handing it to a person; `nil`
    ///   to have it moved to the dead letters.
    mutating func giveUp(_ entry: StreamEntry, topic: Topic, reason: String) async throws -> Transaction?
}

extension PartitionSession {
    package var companion: (@Sendable () async -> Void)? { nil }

    package mutating func giveUp(_ entry: StreamEntry, topic: Topic, reason: String) async throws -> Transaction? {
        nil
    }
}

/// The entry cannot be read and never will be.
package struct UnreadableEntry: Error, CustomStringConvertible {
    /// Why.
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// A check of a commit did not hold; the session's view is out of date.
package struct CommitConflict: Error, CustomStringConvertible {
    /// Key of the check.
    package var key: String
    /// Field of the check.
    package var field: String

    package init(key: String, field: String) {
        self.key = key
        self.field = field
    }

    package var description: String { "\(key) \(field) changed meanwhile" }
}
