/// One measured point.
package struct Sample: Sendable, Equatable, Codable {
    /// Unix milliseconds.
    package var timestamp: Int64
    /// Value in the unit of the series; see ``isUsable`` for what counts.
    package var value: Double

    /// All fields as given.
    package init(timestamp: Int64, value: Double) {
        self.timestamp = timestamp
        self.value = value
    }

    /// Whether the value can be computed with: finite and below 1e150 in magnitude, so that its square is finite too.
    ///
    /// All other samples are treated as missing everywhere in this module.
    package var isUsable: Bool { abs(value) < 1e150 }
}
