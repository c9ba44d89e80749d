import NIOCore

/// A command with its arguments, kept as it goes over the wire.
package struct RedisCommand: Sendable {
    /// First word.
    package let name: String
    /// Whether a second execution changes nothing; only such commands are sent again after a lost reply.
    package var isIdempotent: Bool
    /// A key that the command touches, which tells a cluster's client whom to ask; `nil`: any node.
    package var key: String?
    /// Number of words, the name included.
    private var count = 0
    /// The words as bulk strings, one behind the other.
    private var body = ByteBuffer()

    /// A command without arguments so far.
    package init(_ name: String, isIdempotent: Bool, key: String?) {
        self.name = name
        self.isIdempotent = isIdempotent
        self.key = key
        append(name)
    }

    /// A command with binary arguments.
    package init(_ name: String, arguments: [[UInt8]], isIdempotent: Bool = false, key: String? = nil) {
        self.init(name, isIdempotent: isIdempotent, key: key)
        for argument in arguments { append(argument) }
    }

    /// A command with text arguments.
    package init(_ name: String, _ arguments: String..., isIdempotent: Bool = false, key: String? = nil) {
        self.init(name, isIdempotent: isIdempotent, key: key)
        for argument in arguments { append(argument) }
    }

    /// Adds an argument.
    package mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Adds a text as an argument.
    package mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Adds a number in decimal as an argument.
    package mutating func append(_ number: Int) { append(number.description) }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        count += 1
        body.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count + Self.longestHeader + 2) { space in
            var place = Self.writeHeader(UInt8(ascii: "$"), bytes.count, in: space)
            UnsafeMutableRawBufferPointer(rebasing: space[place...]).copyMemory(from: bytes)
            place += bytes.count
            return Self.writeLineEnd(in: space, at: place)
        }
    }

    /// Writes the command as an array of bulk strings.
    func encode(into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.longestHeader) { space in
            Self.writeHeader(UInt8(ascii: "*"), count, in: space)
        }
        buffer.writeImmutableBuffer(body)
    }

    /// The words, the name first; for tools that show or replay a command.
    package func words() throws(RedisError) -> [[UInt8]] {
        var buffer = ByteBuffer()
        encode(into: &buffer)
        let reader = try RESPReader()
        try reader.feed(buffer)
        return try reader.next()?.array?.compactMap(\.bytes) ?? []
    }

    /// At most so many bytes are written for the command.
    var longestEncoding: Int { Self.longestHeader + body.readableBytes }

    /// A marker, up to 19 digits and the end of the line.
    private static let longestHeader = 22

    /// Writes a marker, a number in decimal and the end of a line, without making a string of it.
    ///
    /// - Returns: the number of bytes written.
    private static func writeHeader(
        _ marker: UInt8, _ number: Int, in space: UnsafeMutableRawBufferPointer
    ) -> Int {
        space[0] = marker
        var digits = 1
        var limit = 10
        while digits < 19, number >= limit {
            digits += 1
            limit &*= 10
        }
        var rest = number
        for place in stride(from: digits, to: 0, by: -1) {
            space[place] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return writeLineEnd(in: space, at: digits + 1)
    }

    /// - Returns: the place behind the end of the line.
    private static func writeLineEnd(in space: UnsafeMutableRawBufferPointer, at place: Int) -> Int {
        space[place] = UInt8(ascii: "\r")
        space[place + 1] = UInt8(ascii: "\n")
        return place + 2
    }
}
