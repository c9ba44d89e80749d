/// Which side of the band is bad.
package enum AlarmDirection: String, Sendable, Equatable, Codable {
    case above, below, both
}
