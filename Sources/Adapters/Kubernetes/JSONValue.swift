import Foundation
import WireFormat

/// A JSON value, kept whole: what is not understood is carried along unchanged.
package indirect enum JSONValue: Sendable, Equatable {
    case object([String: JSONValue])
    case array([JSONValue])
    case string(String)
    case integer(Int64)
    case number(Double)
    case bool(Bool)
    case null

    /// Reads a JSON text.
    ///
    /// - Throws: when the bytes are not JSON.
    package init(json: Data) throws { self = try JSONDecoder().decode(JSONValue.self, from: json) }

    /// The JSON text with exactly one spelling, see `CanonicalJSON`.
    package var canonical: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self), let canonical = try? CanonicalJSON.canonicalize(Array(data)) else {
            return []
        }
        return canonical
    }

    /// The canonical JSON as text.
    package var text: String { String(decoding: canonical, as: UTF8.self) }

    /// Members of an object; empty for every other value.
    package var members: [String: JSONValue] {
        get { if case .object(let members) = self { members } else { [:] } }
        set { self = .object(newValue) }
    }

    /// Elements of an array; empty for every other value.
    package var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }

    /// The text of a string.
    package var string: String? { if case .string(let text) = self { text } else { nil } }

    /// The value of an integer.
    package var integer: Int? { if case .integer(let value) = self { Int(value) } else { nil } }

    /// The value of a boolean.
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// A member of an object; setting `nil` removes it, and setting one makes an object of any other value.
    package subscript(key: String) -> JSONValue? {
        get { if case .object(let members) = self { members[key] } else { nil } }
        set {
            var members = self.members
            members[key] = newValue
            self = .object(members)
        }
    }

    /// The value at a path of member names.
    package subscript(path path: [String]) -> JSONValue? {
        get {
            var value = self
            for key in path {
                guard let next = value[key] else { return nil }
                value = next
            }
            return value
        }
        set {
            guard let first = path.first else { return self = newValue ?? .null }
            if path.count == 1 { return self[first] = newValue }
            var inner = self[first] ?? .object([:])
            inner[path: Array(path.dropFirst())] = newValue
            self[first] = inner
        }
    }

    /// This value with a merge patch applied (RFC 7386, section 2).
    package func merging(_ patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = members
        for (key, value) in changes {
            result[key] = value == .null ? nil : (result[key] ?? .null).merging(value)
        }
        return .object(result)
    }

    /// The smallest merge patch that makes `wanted` of this value; `nil` when they are equal.
    package func mergePatch(to wanted: JSONValue) -> JSONValue? {
        guard self != wanted else { return nil }
        guard case .object(let before) = self, case .object(let after) = wanted else { return wanted }
        var patch: [String: JSONValue] = [:]
        for key in before.keys where after[key] == nil { patch[key] = .null }
        for (key, value) in after {
            if let old = before[key] {
                patch[key] = old.mergePatch(to: value)
            } else {
                patch[key] = value
            }
        }
        return .object(patch)
    }
}

extension JSONValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([String: JSONValue].self) {
            self = .object(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else {
            self = .null
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .object(let members): try container.encode(members)
        case .array(let elements): try container.encode(elements)
        case .string(let text): try container.encode(text)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .bool(let value): try container.encode(value)
        case .null: try container.encodeNil()
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { $1 })
    }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
}
