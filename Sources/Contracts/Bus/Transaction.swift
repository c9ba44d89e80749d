/// A group of changes to one partition that is applied as a whole or not at all.
///
/// All checks are made first. When one does not hold, nothing is written.
package struct Transaction: Sendable, Equatable {
    /// Something that must hold.
    package struct Check: Sendable, Equatable {
        /// Key of a hash.
        package var key: String
        /// Field of the hash.
        package var field: String
        /// Value that the field must have; `nil`: it must not exist.
        package var value: [UInt8]?

        package init(key: String, field: String, value: [UInt8]?) {
            self.key = key
            self.field = field
            self.value = value
        }

        /// The field must have this text, or must not exist.
        package init(key: String, field: String, text: String?) {
            self.init(key: key, field: field, value: text.map { Array($0.utf8) })
        }
    }

    /// A reader's step forward in a stream, checked against the position it started from.
    package struct Advance: Sendable, Equatable {
        /// Hash that holds the reader's positions.
        package var stateKey: String
        /// Stream that was read.
        package var stream: String
        /// Reader's name; shown by `XINFO GROUPS`.
        package var group: String
        /// Position before; checked.
        package var from: EntryID
        /// Position after.
        package var to: EntryID
        /// Entries from one to the other.
        package var entries: Int

        package init(
            stateKey: String, stream: String, group: String, from: EntryID, to: EntryID, entries: Int = 1
        ) {
            self.stateKey = stateKey
            self.stream = stream
            self.group = group
            self.from = from
            self.to = to
            self.entries = entries
        }
    }

    /// One change.
    package enum Change: Sendable, Equatable {
        /// Sets fields of a hash.
        case set(key: String, fields: [Field])
        /// Removes fields of a hash.
        case unset(key: String, fields: [String])
        /// Adds to an integer field of a hash.
        case increment(key: String, field: String, by: Int64)
        /// Adds an entry to a stream.
        case append(stream: String, fields: [Field])
        /// Removes one entry of a stream.
        case drop(stream: String, entry: EntryID)
        /// Puts a member into a sorted set, or moves it.
        case rank(key: String, member: String, score: Int64)
        /// Takes a member out of a sorted set.
        case unrank(key: String, member: String)
        /// Removes a key.
        case remove(key: String)
    }

    /// What makes a second execution recognisable.
    package struct Operation: Sendable, Equatable {
        /// Key of a hash that remembers its newest operation; its writers take turns.
        package var key: String
        /// Differs from the operation before it.
        package var id: String

        package init(key: String, id: String) {
            self.key = key
            self.id = id
        }
    }

    /// Lease that must be held, `nil` for changes that are guarded by checks alone.
    package var lease: LeaseProof?
    /// With it, a repetition after a lost reply is answered with ``CommitResult/repeated``; without it, nobody repeats.
    package var operation: Operation?
    /// Whether a replica must have it too before it counts as done, where replicas are configured.
    package var isReplicated = false
    /// All must hold.
    package var checks: [Check]
    /// Steps forward of the reader.
    package var advances: [Advance]
    /// Applied in order.
    package var changes: [Change]

    package init(
        lease: LeaseProof? = nil, operation: Operation? = nil, checks: [Check] = [], advances: [Advance] = [],
        changes: [Change] = []
    ) {
        self.lease = lease
        self.operation = operation
        self.checks = checks
        self.advances = advances
        self.changes = changes
    }

    /// A relay's step forward.
    package static func acknowledging(_ advance: Advance) -> Transaction {
        Transaction(
            operation: Operation(key: advance.stateKey, id: "\(advance.stream) \(advance.to)"), advances: [advance])
    }

    /// Whether there is nothing to do.
    package var isEmpty: Bool { advances.isEmpty && changes.isEmpty }

    /// Adds another group of changes to this one.
    package mutating func merge(_ other: Transaction) {
        checks += other.checks
        advances += other.advances
        changes += other.changes
    }

    /// Every key that is touched, in order of first appearance.
    package var keys: [String] {
        var seen: Set<String> = []
        var keys: [String] = []
        func add(_ key: String) {
            // Changes to one key mostly follow each other.
            if key != keys.last, seen.insert(key).inserted { keys.append(key) }
        }
        if let lease { add(lease.key) }
        if let operation { add(operation.key) }
        for check in checks { add(check.key) }
        for advance in advances {
            add(advance.stateKey)
            add(advance.stream)
        }
        for change in changes {
            switch change {
            case .set(let key, _), .unset(let key, _), .increment(let key, _, _), .append(let key, _),
                .drop(let key, _),
                .rank(let key, _, _), .unrank(let key, _), .remove(let key):
                add(key)
            }
        }
        return keys
    }
}

/// Answer to a transaction.
package enum CommitResult: Sendable, Equatable {
    /// Applied; ids of the appended entries in order.
    case committed([EntryID])
    /// It was applied before, and its reply lost.
    case repeated
    /// The lease belongs to somebody else; nothing was written.
    case fenced
    /// A check did not hold; nothing was written.
    case conflict(key: String, field: String)
}
