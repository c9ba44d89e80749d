import SwiftProtobuf

/// A model value that can be sent.
///
/// JSON is proto3 JSON in canonical form (see ``CanonicalJSON``); binary is protobuf.
package protocol WireMessage: Sendable {
    /// Generated message of this type.
    associatedtype Proto: SwiftProtobuf.Message & Sendable

    /// CloudEvents `type` of an entry that carries this message, such as `sre.anomaly.v1`.
    static var eventType: String { get }

    /// Checks presence and ranges.
    init(proto: Proto) throws(WireError)

    /// The message with all fields set.
    var proto: Proto { get }
}

extension WireMessage {
    /// Decodes proto3 JSON; unknown fields of newer senders are ignored.
    package init(json: [UInt8]) throws(WireError) {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        options.messageDepthLimit = 32
        let message: Proto
        do {
            message = try Proto(jsonUTF8Bytes: json, options: options)
        } catch {
            throw .malformed(type: Proto.protoMessageName, reason: "\(error)")
        }
        try self.init(proto: message)
    }

    /// Decodes protobuf.
    package init(binary: [UInt8]) throws(WireError) {
        let message: Proto
        do {
            message = try Proto(serializedBytes: binary)
        } catch {
            throw .malformed(type: Proto.protoMessageName, reason: "\(error)")
        }
        try self.init(proto: message)
    }

    /// Canonical proto3 JSON as UTF-8.
    package func canonicalJSON() throws(WireError) -> [UInt8] {
        do {
            var options = JSONEncodingOptions()
            options.useDeterministicOrdering = true
            let bytes: [UInt8] = try proto.jsonUTF8Bytes(options: options)
            return try CanonicalJSON.canonicalize(bytes)
        } catch {
            throw .malformed(type: Proto.protoMessageName, reason: "\(error)")
        }
    }

    /// Protobuf.
    package func binary() throws(WireError) -> [UInt8] {
        do {
            return try proto.serializedBytes()
        } catch {
            throw .malformed(type: Proto.protoMessageName, reason: "\(error)")
        }
    }
}

/// Range checks that every conversion uses.
enum Check {
    static func present(_ condition: Bool, _ type: String, _ field: String) throws(WireError) {
        if !condition { throw .missing(type: type, field: field) }
    }

    static func text(_ value: String, _ type: String, _ field: String) throws(WireError) -> String {
        if value.isEmpty { throw .missing(type: type, field: field) }
        return value
    }

    static func finite(_ value: Double, _ type: String, _ field: String) throws(WireError) -> Double {
        if !value.isFinite { throw .invalid(type: type, field: field, value: "\(value)", expected: "a finite number") }
        return value
    }

    static func unit(_ value: Double, _ type: String, _ field: String) throws(WireError) -> Double {
        if !(0...1).contains(value) {
            throw .invalid(type: type, field: field, value: "\(value)", expected: "a number in [0,1]")
        }
        return value
    }

    static func name<Value: RawRepresentable & CaseIterable>(
        _ raw: String, _ type: String, _ field: String
    ) throws(WireError) -> Value where Value.RawValue == String {
        guard let value = Value(rawValue: raw) else {
            let valid = Value.allCases.map { "\($0.rawValue)" }.joined(separator: ", ")
            throw .invalid(type: type, field: field, value: "\"\(raw)\"", expected: "one of \(valid)")
        }
        return value
    }

    static func unknownEnum(_ value: Any, _ type: String, _ field: String) -> WireError {
        .invalid(type: type, field: field, value: "\(value)", expected: "a value of this version")
    }
}
