/// An alerting rule of a metrics source.
package struct AlertRule: Sendable, Equatable {
    /// Name of the alert.
    package var name: String
    /// PromQL expression.
    package var query: String
    /// Seconds that the expression must hold.
    package var seconds: Double

    package init(name: String, query: String, seconds: Double = 0) {
        self.name = name
        self.query = query
        self.seconds = seconds
    }
}
