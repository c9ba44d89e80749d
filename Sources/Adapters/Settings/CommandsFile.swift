import LocalCommand

/// The allow-list of commands: `commands.yaml`.
package enum CommandsFile {
    /// Reads the allow-list; nothing is allowed unless the file says `enabled: true`.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    package static func read(_ document: YAMLDocument) throws(SettingsError) -> [CommandDefinition] {
        let root = document.root
        try root.allow(["enabled", "commands"])
        var commands: [CommandDefinition] = []
        for value in try root["commands"]?.list() ?? [] {
            try value.allow(["name", "argv", "probe", "parameters", "namespaces"])
            let parameters = try value["parameters"].map { value throws(SettingsError) in try value.texts() } ?? [:]
            for (name, pattern) in parameters {
                guard (try? Regex(pattern)) != nil else {
                    throw value.error("the pattern of '\(name)' is not a regular expression")
                }
            }
            commands.append(
                CommandDefinition(
                    name: try value.required("name").string(), argv: try argv(value.required("argv"), parameters),
                    probe: try value["probe"].map { probe throws(SettingsError) in try argv(probe, parameters) },
                    parameters: parameters, namespaces: Set(try value.required("namespaces").strings())))
        }
        let isEnabled = try root["enabled"]?.string() ?? "false"
        guard ["true", "false"].contains(isEnabled) else {
            throw try root.required("enabled").error("'\(isEnabled)' is not valid", valid: "true or false")
        }
        return isEnabled == "true" ? commands : []
    }

    private static func argv(
        _ value: YAMLDocument.Value, _ parameters: [String: String]
    ) throws(SettingsError) -> [String] {
        let argv = try value.strings()
        guard let program = argv.first, program.hasPrefix("/") else {
            throw value.error("the program is not an absolute path")
        }
        for element in argv where element.hasPrefix("{") && element.hasSuffix("}") {
            let name = String(element.dropFirst().dropLast())
            guard element == CommandDefinition.operationPlaceholder || parameters[name] != nil else {
                throw value.error(
                    "the placeholder \(element) is unknown",
                    valid: ([CommandDefinition.operationPlaceholder] + parameters.keys.sorted().map { "{\($0)}" })
                        .joined(separator: ", "))
            }
        }
        return argv
    }
}
