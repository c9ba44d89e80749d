/// Entries of a producer, with what makes a repetition harmless.
package struct AppendRequest: Sendable, Equatable {
    /// How much may wait in a stream for its readers.
    package struct Limits: Sendable, Equatable {
        /// Entries that wait for the slowest reader, beyond which producers coarsen what they send.
        package var soft: Int
        /// Entries that wait for the slowest reader, beyond which nothing is taken.
        package var hard: Int
        /// Bytes of all entries of the stream, beyond which nothing is taken.
        package var bytes: Int

        /// Limits of one stream of one partition: by default 5,000 and 20,000 entries and 64 MiB.
        package init(soft: Int = 5_000, hard: Int = 20_000, bytes: Int = 64 << 20) {
            self.soft = soft
            self.hard = hard
            self.bytes = bytes
        }
    }

    /// Stream to add to.
    package var stream: String
    /// Hash of high-water marks in the same slot.
    package var marks: String
    /// Name of the producer, such as `metrics/memory_usage`.
    package var producer: String
    /// Incarnation of the producer; a smaller one than the stored is fenced.
    package var epoch: Int64
    /// Sequence that the producer believes to be the stored mark; `nil` for none.
    package var previous: Int64?
    /// Sequence of these entries, such as the end of their window in milliseconds; becomes the mark.
    package var sequence: Int64
    /// Entries in order; none moves the mark only.
    package var entries: [[Field]]
    /// Roles whose progress counts for the limits.
    package var readers: [String]
    /// How much may wait.
    package var limits: Limits

    package init(
        stream: String, marks: String, producer: String, epoch: Int64, previous: Int64?, sequence: Int64,
        entries: [[Field]], readers: [String] = [], limits: Limits = Limits()
    ) {
        self.stream = stream
        self.marks = marks
        self.producer = producer
        self.epoch = epoch
        self.previous = previous
        self.sequence = sequence
        self.entries = entries
        self.readers = readers
        self.limits = limits
    }
}

/// Answer to ``AppendRequest``.
package enum AppendResult: Sendable, Equatable {
    /// Added; under pressure when more than the soft limit waits.
    case appended([EntryID], underPressure: Bool)
    /// The mark is at or past this sequence already; nothing was added.
    case duplicate
    /// The mark is not where the producer believes; it has to go on from here, `nil`: from its beginning.
    case gap(mark: Int64?)
    /// A newer incarnation of the producer exists.
    case fenced
    /// The stream is at its hard limit.
    case full
}
