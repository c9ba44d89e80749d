/// What is wrong with a configuration: where, what, and what would be valid.
package struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// File and line, or the name of an environment variable.
    package var location: String
    /// Path of the key, such as `prometheus.url`.
    package var key: String
    /// What is wrong.
    package var problem: String
    /// What would be valid; may be empty.
    package var valid: String

    package init(location: String, key: String, problem: String, valid: String = "") {
        self.location = location
        self.key = key
        self.problem = problem
        self.valid = valid
    }

    package var description: String {
        "\(location): \(key.isEmpty ? "" : "\(key): ")\(problem)\(valid.isEmpty ? "" : "; valid: \(valid)")"
    }
}
