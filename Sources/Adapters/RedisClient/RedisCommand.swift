import NIOCore

/// A command with its arguments.
package struct RedisCommand: Sendable {
    /// Name and arguments.
    package var words: [[UInt8]]
    /// Whether a second execution changes nothing; only such commands are sent again after a lost reply.
    package var isIdempotent: Bool
    /// A key that the command touches, which tells a cluster's client whom to ask; `nil`: any node.
    package var key: String?

    /// A command with binary arguments.
    package init(_ name: String, arguments: [[UInt8]], isIdempotent: Bool = false, key: String? = nil) {
        self.words = [Array(name.utf8)] + arguments
        self.isIdempotent = isIdempotent
        self.key = key
    }

    /// A command with text arguments.
    package init(_ name: String, _ arguments: String..., isIdempotent: Bool = false, key: String? = nil) {
        self.init(name, arguments: arguments.map { Array($0.utf8) }, isIdempotent: isIdempotent, key: key)
    }

    /// Writes the command as an array of bulk strings.
    func encode(into buffer: inout ByteBuffer) {
        buffer.writeString("*\(words.count)\r\n")
        for word in words {
            buffer.writeString("$\(word.count)\r\n")
            buffer.writeBytes(word)
            buffer.writeString("\r\n")
        }
    }

    var encodedSize: Int { words.reduce(16) { $0 + $1.count + 16 } }
}
