/// What a sample changes about the anomaly of its series; times are Unix milliseconds.
package enum Transition: Sendable, Equatable, Codable {
    /// Nothing: the series is normal, or not yet unusual for long enough.
    case none
    /// An anomaly is confirmed; it began with the sample at `since`.
    case opened(since: Int64)
    /// The anomaly before began again so soon after its end that it is the same one, with its old start.
    case reopened(since: Int64)
    /// The anomaly goes on.
    case ongoing(since: Int64)
    /// The anomaly is over; its last unusual sample was at `until`.
    case closed(since: Int64, until: Int64)
}
