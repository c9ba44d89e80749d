/// Position in a stream: milliseconds and a counter, as Redis gives them.
package struct EntryID: Sendable, Hashable, Comparable {
    /// Before every entry.
    package static let zero = EntryID(milliseconds: 0, sequence: 0)

    /// Milliseconds of the Redis host's clock.
    package var milliseconds: UInt64
    /// Counter within the millisecond.
    package var sequence: UInt64

    package init(milliseconds: UInt64, sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// Reads `milliseconds-sequence`; `nil` when the text is anything else.
    package init?(_ text: String) { self.init(utf8: Array(text.utf8)) }

    /// Reads the bytes of `milliseconds-sequence`, each in decimal digits; `nil` when they are anything else.
    package init?(utf8 bytes: [UInt8]) {
        guard let dash = bytes.firstIndex(of: UInt8(ascii: "-")), let milliseconds = Self.decimal(bytes[..<dash]),
            let sequence = Self.decimal(bytes[(dash + 1)...])
        else { return nil }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    private static func decimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard !digits.isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in digits {
            let digit = byte &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tens.addingReportingOverflow(UInt64(digit))
            guard !tooLarge, !carries else { return nil }
            value = sum
        }
        return value
    }

    package static func < (lhs: EntryID, rhs: EntryID) -> Bool {
        (lhs.milliseconds, lhs.sequence) < (rhs.milliseconds, rhs.sequence)
    }
}

extension EntryID: CustomStringConvertible {
    package var description: String { "\(milliseconds)-\(sequence)" }
}

/// A name and its bytes; streams and hashes are made of these.
package struct Field: Sendable, Hashable {
    /// Name.
    package var name: String
    /// Bytes, mostly UTF-8 text.
    package var value: [UInt8]

    package init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// A field with text.
    package init(_ name: String, _ text: String) { self.init(name, Array(text.utf8)) }

    /// The bytes as text, with invalid UTF-8 replaced.
    package var text: String { String(decoding: value, as: UTF8.self) }
}

/// One entry of a stream.
package struct StreamEntry: Sendable, Equatable {
    /// Position in its stream.
    package var id: EntryID
    /// Fields in the order they were written.
    package var fields: [Field]

    package init(id: EntryID, fields: [Field]) {
        self.id = id
        self.fields = fields
    }

    /// Bytes of the first field of that name.
    package subscript(name: String) -> [UInt8]? { fields.first { $0.name == name }?.value }

    /// Text of the first field of that name.
    package func text(_ name: String) -> String? { self[name].map { String(decoding: $0, as: UTF8.self) } }
}
