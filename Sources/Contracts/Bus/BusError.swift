/// Why an operation on the store failed.
package struct BusError: Error, Sendable, CustomStringConvertible {
    /// What callers branch on.
    package enum Code: Sendable, Equatable {
        /// Nobody answered, or not in time; the operation may or may not have been executed.
        case unavailable
        /// The store refused for good, such as wrong type or missing right.
        case refused
        /// The store holds something that this version cannot read.
        case corrupt
        /// The store is not safe to use: version, eviction or persistence.
        case unsafe
        /// This side shut down.
        case shutdown
    }

    /// What callers branch on.
    package var code: Code
    /// What happened, with names.
    package var message: String
    /// Whether the operation may have been executed although it failed.
    package var outcomeUnknown: Bool

    package init(_ code: Code, _ message: String, outcomeUnknown: Bool = false) {
        self.code = code
        self.message = message
        self.outcomeUnknown = outcomeUnknown
    }

    package var description: String { message }
}
