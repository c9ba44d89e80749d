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
        buffer.writeHeader(UInt8(ascii: "*"), words.count)
        for word in words {
            buffer.writeHeader(UInt8(ascii: "$"), word.count)
            buffer.writeBytes(word)
            buffer.writeBytes([UInt8(ascii: "\r"), UInt8(ascii: "\n")])
        }
    }

    var encodedSize: Int { words.reduce(16) { $0 + $1.count + 16 } }
}

extension ByteBuffer {
    /// Writes a marker, a number in decimal and the end of a line, without making a string of it.
    fileprivate mutating func writeHeader(_ marker: UInt8, _ number: Int) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { digits in
            var place = 24
            func put(_ byte: UInt8) {
                place -= 1
                digits.initializeElement(at: place, to: byte)
            }
            put(UInt8(ascii: "\n"))
            put(UInt8(ascii: "\r"))
            var rest = max(0, number)
            repeat {
                put(UInt8(ascii: "0") + UInt8(rest % 10))
                rest /= 10
            } while rest > 0
            put(marker)
            _ = writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(digits)[place...]))
        }
    }
}
