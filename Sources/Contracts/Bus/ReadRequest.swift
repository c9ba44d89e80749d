/// A reader's request for its next entries.
package struct ReadRequest: Sendable, Equatable {
    /// Lease that must be held.
    package var lease: LeaseProof
    /// Hash that holds the reader's positions.
    package var stateKey: String
    /// Stream to read.
    package var stream: String
    /// At most so many entries; a single one when somebody began at this position before and did not get past it.
    package var limit: Int

    package init(lease: LeaseProof, stateKey: String, stream: String, limit: Int) {
        self.lease = lease
        self.stateKey = stateKey
        self.stream = stream
        self.limit = limit
    }
}

/// Answer to ``ReadRequest``.
package enum ReadResult: Sendable, Equatable {
    /// Entries after the committed position.
    ///
    /// `attempts` is 1 for the first holder of the lease that reads on from this position, and one more for each holder
    /// after it.
    case entries([StreamEntry], position: EntryID, attempts: Int)
    /// The lease belongs to somebody else.
    case fenced
}

/// An entry to be moved to the dead letters.
package struct DeadLetterRequest: Sendable, Equatable {
    /// Lease that must be held.
    package var lease: LeaseProof
    /// Hash that holds the reader's positions.
    package var stateKey: String
    /// Stream that the entry stands in.
    package var stream: String
    /// Reader's name.
    package var group: String
    /// The entry; must be the reader's next one.
    package var entry: EntryID
    /// Stream of the dead letters.
    package var deadLetters: String
    /// Fields that go before the entry's own.
    package var notes: [Field]

    package init(
        lease: LeaseProof, stateKey: String, stream: String, group: String, entry: EntryID, deadLetters: String,
        notes: [Field]
    ) {
        self.lease = lease
        self.stateKey = stateKey
        self.stream = stream
        self.group = group
        self.entry = entry
        self.deadLetters = deadLetters
        self.notes = notes
    }
}

/// Timers to be moved into a stream when they are due.
package struct TimerRequest: Sendable, Equatable {
    /// Lease that must be held.
    package var lease: LeaseProof
    /// Sorted set of timers by Unix milliseconds.
    package var timers: String
    /// Stream that gets an entry with `timer` and `due` for each.
    package var stream: String
    /// Timers up to this time are due, Unix milliseconds.
    package var now: Int64
    /// At most so many.
    package var limit: Int

    package init(lease: LeaseProof, timers: String, stream: String, now: Int64, limit: Int = 100) {
        self.lease = lease
        self.timers = timers
        self.stream = stream
        self.now = now
        self.limit = limit
    }
}
