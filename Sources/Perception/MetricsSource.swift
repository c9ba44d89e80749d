import Model

/// Where metrics are asked for; implemented by the Prometheus adapter.
package protocol MetricsSource: Sendable {
    /// Values of all series of a query on the grid `from, from + step, … to`.
    func range(
        _ query: String, from: Timestamp, to: Timestamp, stepMilliseconds: Int64
    ) async throws(SourceError) -> RangeResult

    /// Newest values of all series of a query.
    func instant(_ query: String, at time: Timestamp?) async throws(SourceError) -> RangeResult

    /// Alerting rules that the source evaluates; empty for a source without rules.
    func alertRules() async throws(SourceError) -> [AlertRule]
}

extension MetricsSource {
    package func alertRules() async throws(SourceError) -> [AlertRule] { [] }
}

/// Answer of a source, before cleaning: values may be NaN or infinite.
package struct RangeResult: Sendable, Equatable {
    /// One series of the answer.
    package struct Series: Sendable, Equatable {
        /// Labels without `__name__`.
        package var labels: [String: String]
        /// Points as answered, ascending.
        package var points: [SamplePoint]

        package init(labels: [String: String], points: [SamplePoint]) {
            self.labels = labels
            self.points = points
        }
    }

    /// All series.
    package var series: [Series]
    /// What the source warned of, such as partial data.
    package var warnings: [String]

    package init(series: [Series], warnings: [String] = []) {
        self.series = series
        self.warnings = warnings
    }
}

/// Why a source gave no answer.
package struct SourceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What callers branch on.
    package enum Kind: Sendable, Equatable {
        /// Nobody answered.
        case unreachable
        /// Asked to slow down (429) or failing for now (5xx).
        case overloaded
        /// The query itself is wrong (400, 422).
        case badQuery
        /// The answer was not understood, such as one that was cut off on the way.
        case malformed
    }

    /// What callers branch on.
    package var kind: Kind
    /// What happened, with the address.
    package var description: String
    /// Earliest time for another attempt, where the source gave one.
    package var retryAfter: Duration?

    package init(_ kind: Kind, _ description: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.description = description
        self.retryAfter = retryAfter
    }

    /// Whether the same request may succeed later.
    package var isRetriable: Bool { kind != .badQuery }
}
