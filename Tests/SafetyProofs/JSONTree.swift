import Foundation
import Kubernetes

/// A JSON document whose leaves can be changed one by one.
struct JSONTree {
    private let root: JSONValue

    init(_ bytes: [UInt8]) throws { root = try JSONValue(json: Data(bytes)) }

    /// Paths of all leaves; numbers stand for positions in arrays.
    var leaves: [[String]] {
        func walk(_ value: JSONValue, _ path: [String]) -> [[String]] {
            switch value {
            case .object(let members):
                members.sorted { $0.key < $1.key }.flatMap { walk($0.value, path + [$0.key]) }
            case .array(let elements): elements.indices.flatMap { walk(elements[$0], path + ["\($0)"]) }
            default: [path]
            }
        }
        return walk(root, [])
    }

    /// The document with the leaf at a path changed, and without it; canonical.
    func mutations(at path: [String]) -> [[UInt8]] {
        [changed(root, path[...], { Self.other($0) }), changed(root, path[...], { _ in nil })].map(\.canonical)
    }

    private static func other(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .string(let text): .string(Int64(text).map { "\($0 &+ 1)" } ?? text + "x")
        case .integer(let number): .integer(number + 1)
        case .number(let number): .number(number / 2)
        case .bool(let flag): .bool(!flag)
        default: .string("x")
        }
    }

    private func changed(
        _ value: JSONValue, _ path: ArraySlice<String>, _ change: (JSONValue) -> JSONValue?
    ) -> JSONValue {
        guard let first = path.first else { return value }
        let rest = path.dropFirst()
        if case .array(var elements) = value, let index = Int(first) {
            if rest.isEmpty {
                if let new = change(elements[index]) { elements[index] = new } else { elements.remove(at: index) }
            } else {
                elements[index] = changed(elements[index], rest, change)
            }
            return .array(elements)
        }
        var object = value
        let old = object[first] ?? .null
        object[first] = rest.isEmpty ? change(old) : changed(old, rest, change)
        return object
    }
}
