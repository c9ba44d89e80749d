/// How a series repeats itself.
package enum Season: String, Sendable, Equatable, Codable {
    /// Not at all.
    case none
    /// Every day alike.
    case daily
    /// Days of the week differ.
    case weekly
}
