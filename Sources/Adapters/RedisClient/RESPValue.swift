/// A reply of the server (RESP2).
package enum RESPValue: Sendable, Equatable {
    /// `+OK`
    case simpleString(String)
    /// `-ERR …`
    case error(RedisServerError)
    /// `:1`
    case integer(Int64)
    /// `$3 abc`
    case bulk([UInt8])
    /// `*2 …`
    case array([RESPValue])
    /// `$-1` or `*-1`
    case null

    /// Text of a simple or bulk string, with invalid UTF-8 replaced; `nil` for other kinds.
    package var string: String? {
        switch self {
        case .simpleString(let text): text
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .error, .integer, .array, .null: nil
        }
    }

    /// Bytes of a simple or bulk string.
    package var bytes: [UInt8]? {
        switch self {
        case .simpleString(let text): Array(text.utf8)
        case .bulk(let bytes): bytes
        case .error, .integer, .array, .null: nil
        }
    }

    /// An integer, also when it was sent as a string.
    package var int: Int64? {
        if case .integer(let value) = self { return value }
        return string.flatMap { Int64($0) }
    }

    /// Elements of an array.
    package var array: [RESPValue]? {
        if case .array(let elements) = self { return elements }
        return nil
    }

    /// Whether the reply is a null.
    package var isNull: Bool { self == .null }
}

/// An error that the server answered with.
package struct RedisServerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// First word, such as `WRONGTYPE`, `READONLY`, `LOADING`.
    package var code: String
    /// The whole text.
    package var message: String

    /// Splits the text of an error reply.
    package init(_ message: String) {
        self.message = message
        self.code = message.split(separator: " ", maxSplits: 1).first.map(String.init) ?? "ERR"
    }

    package var description: String { message }
}
