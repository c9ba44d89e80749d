import Foundation

/// Variables of a `.env` file; those of the environment win.
package enum DotEnv {
    /// Environment of the process over the variables of a file, when it exists.
    ///
    /// - Throws: `SettingsError` for a line that is neither `NAME=value`, a comment nor empty.
    package static func environment(
        file: String, over process: [String: String] = ProcessInfo.processInfo.environment
    ) throws(SettingsError) -> [String: String] {
        guard let data = FileManager.default.contents(atPath: file) else { return process }
        let own = try variables(in: String(decoding: data, as: UTF8.self), file: file)
        return own.merging(process) { $1 }
    }

    static func variables(in text: String, file: String) throws(SettingsError) -> [String: String] {
        var variables: [String: String] = [:]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            var content = line.trimmingCharacters(in: .whitespaces)
            if content.isEmpty || content.hasPrefix("#") { continue }
            if content.hasPrefix("export ") { content = String(content.dropFirst(7)) }
            let parts = content.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].trimmingCharacters(in: .whitespaces)
            guard parts.count == 2, !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else {
                throw SettingsError(
                    location: "\(file):\(index + 1)", key: "", problem: "not a variable", valid: "NAME=value")
            }
            var value = parts[1].trimmingCharacters(in: .whitespaces)
            for quote in ["\"", "'"] where value.count >= 2 && value.hasPrefix(quote) && value.hasSuffix(quote) {
                value = String(value.dropFirst().dropLast())
            }
            variables[name] = value
        }
        return variables
    }
}
