/// Old entries of a stream to be removed.
package struct TrimRequest: Sendable, Equatable {
    /// A reader whose needs are looked at.
    package struct Reader: Sendable, Equatable {
        /// Hash that holds the reader's positions, named `…:state:<role>`.
        package var stateKey: String
        /// Whether it replays from its snapshot, so that entries after that are still needed.
        package var replays: Bool

        package init(stateKey: String, replays: Bool) {
            self.stateKey = stateKey
            self.replays = replays
        }
    }

    /// Stream.
    package var stream: String
    /// Stream that gets a note of entries which nobody has read.
    package var gaps: String
    /// Registered readers; whoever is not registered cannot hold anything back.
    package var readers: [Reader]
    /// Entries before this position may go.
    package var floor: EntryID
    /// At most so many; bounds the time of one call.
    package var limit: Int
    /// Whether entries go that readers still need; for raw observations alone.
    package var sheds: Bool

    package init(
        stream: String, gaps: String, readers: [Reader], floor: EntryID, limit: Int = 200, sheds: Bool = false
    ) {
        self.stream = stream
        self.gaps = gaps
        self.readers = readers
        self.floor = floor
        self.limit = limit
        self.sheds = sheds
    }
}

/// Answer to ``TrimRequest``.
package struct TrimResult: Sendable, Equatable {
    /// Entries that were removed.
    package var removed: Int
    /// Bytes of their names and values.
    package var bytes: Int
    /// How many of them a reader had not read.
    package var unread: Int

    package init(removed: Int, bytes: Int, unread: Int) {
        self.removed = removed
        self.bytes = bytes
        self.unread = unread
    }
}
