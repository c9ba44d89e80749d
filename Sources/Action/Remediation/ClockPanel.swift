import Model

/// Several wall clocks that must agree before a deadline is judged by the latest of them.
package struct ClockPanel: Sendable {
    /// A clock and where it stands.
    package struct Clock: Sendable {
        package var name: String
        package var read: @Sendable () async throws -> Timestamp

        package init(_ name: String, read: @escaping @Sendable () async throws -> Timestamp) {
            self.name = name
            self.read = read
        }
    }

    /// Clocks that are further apart than they may be.
    package struct Disagreement: Error, Equatable, CustomStringConvertible {
        /// Times by name, in Unix milliseconds.
        package var times: [String: Int64]

        package var description: String {
            let list = times.sorted { $0.value < $1.value }.map { "\($0.key) \(Timestamp(milliseconds: $0.value))" }
            return "the clocks disagree: \(list.joined(separator: ", "))"
        }
    }

    private let clocks: [Clock]
    private let toleranceMilliseconds: Int64

    /// - Parameters:
    ///   - clocks: at least one, such as this host's, the store's and the API server's.
    ///   - toleranceSeconds: how far apart they may be; default 5.
    package init(_ clocks: [Clock], toleranceSeconds: Double = 5) {
        self.clocks = clocks
        toleranceMilliseconds = Int64(toleranceSeconds * 1_000)
    }

    /// The latest time of all clocks.
    ///
    /// - Throws: ``Disagreement``, or the error of a clock that cannot be read.
    package func now() async throws -> Timestamp {
        var times: [String: Int64] = [:]
        for clock in clocks { times[clock.name] = try await clock.read().rawValue }
        guard let first = times.values.min(), let last = times.values.max() else { throw Disagreement(times: [:]) }
        guard last - first <= toleranceMilliseconds else { throw Disagreement(times: times) }
        return Timestamp(milliseconds: last)
    }
}
