import Foundation
import Yams

/// A YAML file with the line of every value, read strictly: unknown keys are errors.
package struct YAMLDocument: Sendable {
    /// One value and where it stands.
    package struct Value: Sendable {
        /// What the value is.
        package indirect enum Content: Sendable {
            case scalar(String)
            case mapping([(key: String, value: Value)])
            case sequence([Value])
            case null
        }

        /// Path of keys from the root.
        package var path: String
        /// `file:line`.
        package var location: String
        /// What the value is.
        package var content: Content

        /// An error about this value.
        package func error(_ problem: String, valid: String = "") -> SettingsError {
            SettingsError(location: location, key: path, problem: problem, valid: valid)
        }

        /// Value of a key; `nil` when it is absent or empty.
        package subscript(key: String) -> Value? {
            guard case .mapping(let pairs) = content, let value = pairs.first(where: { $0.key == key })?.value else {
                return nil
            }
            if case .null = value.content { return nil }
            return value
        }

        /// Keys in the order they are written.
        package var keys: [String] {
            if case .mapping(let pairs) = content { return pairs.map(\.key) }
            return []
        }

        /// Refuses keys that are not in the list.
        package func allow(_ keys: [String]) throws(SettingsError) {
            guard case .mapping(let pairs) = content else {
                throw error("a mapping is needed", valid: keys.joined(separator: ", "))
            }
            for pair in pairs where !keys.contains(pair.key) {
                throw SettingsError(
                    location: pair.value.location, key: pair.value.path, problem: "unknown key",
                    valid: keys.joined(separator: ", "))
            }
        }

        /// Value of a key that must be there.
        package func required(_ key: String) throws(SettingsError) -> Value {
            guard let value = self[key] else { throw error("the key '\(key)' is missing") }
            return value
        }

        /// `true` or `false`.
        package func bool() throws(SettingsError) -> Bool {
            switch try string() {
            case "true": return true
            case "false": return false
            case let text: throw error("'\(text)' is not valid", valid: "true or false")
            }
        }

        /// Text of a scalar.
        package func string() throws(SettingsError) -> String {
            guard case .scalar(let text) = content else { throw error("a single value is needed") }
            return text
        }

        /// A number in a range.
        package func double(in range: ClosedRange<Double>? = nil) throws(SettingsError) -> Double {
            let text = try string()
            let valid = range.map { "\($0.lowerBound) to \($0.upperBound)" } ?? "a number"
            guard let number = Double(text), number.isFinite, range?.contains(number) ?? true else {
                throw error("'\(text)' is not valid", valid: valid)
            }
            return number
        }

        /// A whole number in a range.
        package func int(in range: ClosedRange<Int>) throws(SettingsError) -> Int {
            let text = try string()
            guard let number = Int(text), range.contains(number) else {
                throw error(
                    "'\(text)' is not valid", valid: "a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }

        /// One of the names of a type.
        package func name<Name: RawRepresentable & CaseIterable>(
            of _: Name.Type = Name.self
        ) throws(SettingsError) -> Name where Name.RawValue == String {
            let text = try string()
            guard let name = Name(rawValue: text) else {
                throw error("'\(text)' is not valid", valid: Name.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return name
        }

        /// Elements of a sequence; a scalar counts as a sequence of one.
        package func list() throws(SettingsError) -> [Value] {
            switch content {
            case .sequence(let elements): return elements
            case .scalar: return [self]
            case .null: return []
            case .mapping: throw error("a list is needed")
            }
        }

        /// Texts of a sequence.
        package func strings() throws(SettingsError) -> [String] {
            var texts: [String] = []
            for element in try list() { texts.append(try element.string()) }
            return texts
        }

        /// A mapping of texts.
        package func texts() throws(SettingsError) -> [String: String] {
            guard case .mapping(let pairs) = content else { throw error("a mapping is needed") }
            var texts: [String: String] = [:]
            for pair in pairs { texts[pair.key] = try pair.value.string() }
            return texts
        }
    }

    /// Name of the file.
    package var file: String
    /// Bytes of the file.
    package var bytes: [UInt8]
    /// The root.
    package var root: Value

    /// Reads a file.
    ///
    /// - Throws: `SettingsError` with file and line.
    package init(file: String) throws(SettingsError) {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw SettingsError(location: file, key: "", problem: "the file cannot be read")
        }
        try self.init(text: String(decoding: data, as: UTF8.self), file: file)
    }

    /// Reads text; `file` is used in messages.
    package init(text: String, file: String) throws(SettingsError) {
        self.file = file
        self.bytes = Array(text.utf8)
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw SettingsError(location: Self.location(of: error, file), key: "", problem: Self.problem(of: error))
        } catch {
            throw SettingsError(location: file, key: "", problem: "\(error)")
        }
        self.root = try Self.value(node, path: "", file: file)
    }

    private static func location(of error: YamlError, _ file: String) -> String {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
            "\(file):\(mark.line)"
        case .duplicatedKeysInMapping(_, let context): "\(file):\(context.mark.line)"
        default: file
        }
    }

    private static func problem(of error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _):
            "not YAML: \(problem)"
        case .duplicatedKeysInMapping(let keys, _):
            "the key '\(keys.first.map { "\($0)" } ?? "")' is written twice"
        default: "not YAML: \(error)"
        }
    }

    private static func value(_ node: Node?, path: String, file: String) throws(SettingsError) -> Value {
        guard let node else { return Value(path: path, location: file, content: .mapping([])) }
        let location = node.mark.map { "\(file):\($0.line)" } ?? file
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            let isNull = isPlain && ["", "~", "null"].contains(scalar.string)
            return Value(path: path, location: location, content: isNull ? .null : .scalar(scalar.string))
        case .mapping(let mapping):
            var pairs: [(key: String, value: Value)] = []
            for (key, element) in mapping {
                let name = key.string ?? ""
                let child = path.isEmpty ? name : "\(path).\(name)"
                var value = try value(element, path: child, file: file)
                // An unknown key is reported where the key stands, not where its block begins.
                if let mark = key.mark { value.location = "\(file):\(mark.line)" }
                pairs.append((name, value))
            }
            return Value(path: path, location: location, content: .mapping(pairs))
        case .sequence(let sequence):
            var elements: [Value] = []
            for (index, element) in sequence.enumerated() {
                elements.append(try value(element, path: "\(path)[\(index)]", file: file))
            }
            return Value(path: path, location: location, content: .sequence(elements))
        case .alias:
            throw SettingsError(location: location, key: path, problem: "an alias without an anchor")
        }
    }
}
