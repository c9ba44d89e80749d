/// A command that an operator allows plans to run: a fixed argument vector with validated parameters, never a shell.
package struct CommandDefinition: Sendable, Equatable {
    /// Placeholder for the id of the operation, the same for every attempt at a step.
    package static let operationPlaceholder = "{operation_id}"

    /// Name that runbooks use.
    package var name: String
    /// Absolute path and arguments; `{parameter}` stands for the value of a parameter.
    package var argv: [String]
    /// Absolute path and arguments of a command that tells whether the operation was carried out: exit code 0 yes, 1
    /// no, anything else unclear.
    ///
    /// Without it an interrupted command is never repeated.
    package var probe: [String]?
    /// Pattern that the whole value of a parameter must match, by name.
    package var parameters: [String: String]
    /// Namespaces whose workloads it may be run for; empty: none.
    package var namespaces: Set<String>

    package init(
        name: String, argv: [String], probe: [String]?, parameters: [String: String], namespaces: Set<String>
    ) {
        self.name = name
        self.argv = argv
        self.probe = probe
        self.parameters = parameters
        self.namespaces = namespaces
    }

    /// The argument vector for these values.
    ///
    /// - Throws: `CommandRefused` naming the parameter that is missing, unknown or does not match.
    func fill(_ template: [String], values: [String: String], operationID: String) throws(CommandRefused) -> [String] {
        for (name, value) in values where name != "command" {
            guard let pattern = parameters[name] else {
                throw CommandRefused("the parameter '\(name)' is not declared")
            }
            guard let regex = try? Regex(pattern), (try? regex.wholeMatch(in: value)) != nil, value.utf8.count <= 256
            else { throw CommandRefused("the value '\(value)' of '\(name)' does not match \(pattern)") }
        }
        for name in parameters.keys where values[name] == nil {
            throw CommandRefused("the parameter '\(name)' is missing")
        }
        return template.map { element in
            if element == Self.operationPlaceholder { return operationID }
            guard element.hasPrefix("{"), element.hasSuffix("}") else { return element }
            return values[String(element.dropFirst().dropLast())] ?? element
        }
    }
}

/// Why a command is not run.
struct CommandRefused: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}
