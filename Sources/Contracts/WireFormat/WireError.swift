/// Why a payload could not be turned into a model value.
package enum WireError: Error, Sendable, Equatable {
    /// The bytes are not a message of this type; `reason` says where.
    case malformed(type: String, reason: String)
    /// A field that must be there is not.
    case missing(type: String, field: String)
    /// A field has a value outside its range; `expected` says what would be valid.
    case invalid(type: String, field: String, value: String, expected: String)
}

extension WireError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let type, let reason): "malformed \(type): \(reason)"
        case .missing(let type, let field): "\(type).\(field) is missing"
        case .invalid(let type, let field, let value, let expected):
            "\(type).\(field) is \(value), expected \(expected)"
        }
    }
}
