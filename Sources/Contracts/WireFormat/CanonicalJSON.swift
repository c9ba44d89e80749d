/// JSON with exactly one spelling: keys sorted by their UTF-8 bytes, no white space, shortest escapes.
///
/// The ordering and escaping rules are those of RFC 8785 (JSON Canonicalization Scheme) §3.2, with one difference:
/// keys are ordered by UTF-8 bytes instead of UTF-16 code units. Numbers keep the spelling that proto3 JSON gave them,
/// which is the shortest that reads back as the same value.
package enum CanonicalJSON {
    /// Why text is not JSON, with the byte offset.
    package struct SyntaxError: Error, Equatable, CustomStringConvertible {
        /// Offset of the offending byte from 0.
        package var offset: Int
        /// What was expected there.
        package var expected: String

        package var description: String { "byte \(offset): expected \(expected)" }
    }

    /// The canonical spelling of a JSON text of at most 64 levels.
    package static func canonicalize(_ json: [UInt8]) throws(SyntaxError) -> [UInt8] {
        var parser = Parser(bytes: json)
        let value = try parser.document()
        var output: [UInt8] = []
        output.reserveCapacity(json.count)
        value.write(to: &output)
        return output
    }

    /// Whether a text is spelled canonically.
    package static func isCanonical(_ json: [UInt8]) -> Bool {
        guard let canonical = try? canonicalize(json) else { return false }
        return canonical == json
    }

    fileprivate indirect enum Value {
        case object([(key: [UInt8], value: Value)])
        case array([Value])
        /// Unescaped UTF-8.
        case string([UInt8])
        /// Number, `true`, `false` or `null` as spelled.
        case literal([UInt8])

        func write(to output: inout [UInt8]) {
            switch self {
            case .object(let members):
                output.append(UInt8(ascii: "{"))
                let sorted = members.sorted { $0.key.lexicographicallyPrecedes($1.key) }
                for (index, member) in sorted.enumerated() {
                    if index > 0 { output.append(UInt8(ascii: ",")) }
                    Value.writeString(member.key, to: &output)
                    output.append(UInt8(ascii: ":"))
                    member.value.write(to: &output)
                }
                output.append(UInt8(ascii: "}"))
            case .array(let elements):
                output.append(UInt8(ascii: "["))
                for (index, element) in elements.enumerated() {
                    if index > 0 { output.append(UInt8(ascii: ",")) }
                    element.write(to: &output)
                }
                output.append(UInt8(ascii: "]"))
            case .string(let bytes): Value.writeString(bytes, to: &output)
            case .literal(let bytes): output += bytes
            }
        }

        static func writeString(_ bytes: [UInt8], to output: inout [UInt8]) {
            output.append(UInt8(ascii: "\""))
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "\""): output += Array("\\\"".utf8)
                case UInt8(ascii: "\\"): output += Array("\\\\".utf8)
                case 0x08: output += Array("\\b".utf8)
                case 0x09: output += Array("\\t".utf8)
                case 0x0a: output += Array("\\n".utf8)
                case 0x0c: output += Array("\\f".utf8)
                case 0x0d: output += Array("\\r".utf8)
                case 0..<0x20:
                    output += Array("\\u00".utf8)
                    let digits = Array("0123456789abcdef".utf8)
                    output += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                default: output.append(byte)
                }
            }
            output.append(UInt8(ascii: "\""))
        }
    }

    fileprivate struct Parser {
        let bytes: [UInt8]
        var position = 0

        mutating func document() throws(SyntaxError) -> Value {
            let value = try value(depth: 0)
            skipWhiteSpace()
            guard position == bytes.count else { throw expected("end of text") }
            return value
        }

        private func expected(_ what: String) -> SyntaxError { SyntaxError(offset: position, expected: what) }

        private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

        private mutating func skipWhiteSpace() {
            while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { position += 1 }
        }

        private mutating func take(_ character: Unicode.Scalar) throws(SyntaxError) {
            guard current == UInt8(ascii: character) else { throw expected("'\(character)'") }
            position += 1
        }

        private mutating func value(depth: Int) throws(SyntaxError) -> Value {
            guard depth <= 64 else { throw expected("at most 64 levels") }
            skipWhiteSpace()
            switch current {
            case UInt8(ascii: "{"): return try object(depth: depth)
            case UInt8(ascii: "["): return try array(depth: depth)
            case UInt8(ascii: "\""): return .string(try string())
            default: return .literal(try literal())
            }
        }

        private mutating func object(depth: Int) throws(SyntaxError) -> Value {
            try take("{")
            var members: [(key: [UInt8], value: Value)] = []
            var keys: Set<[UInt8]> = []
            skipWhiteSpace()
            if current == UInt8(ascii: "}") {
                position += 1
                return .object([])
            }
            while true {
                skipWhiteSpace()
                let key = try string()
                guard keys.insert(key).inserted else { throw expected("a key that was not used before") }
                skipWhiteSpace()
                try take(":")
                members.append((key, try value(depth: depth + 1)))
                skipWhiteSpace()
                if current == UInt8(ascii: ",") {
                    position += 1
                    continue
                }
                try take("}")
                return .object(members)
            }
        }

        private mutating func array(depth: Int) throws(SyntaxError) -> Value {
            try take("[")
            var elements: [Value] = []
            skipWhiteSpace()
            if current == UInt8(ascii: "]") {
                position += 1
                return .array([])
            }
            while true {
                elements.append(try value(depth: depth + 1))
                skipWhiteSpace()
                if current == UInt8(ascii: ",") {
                    position += 1
                    continue
                }
                try take("]")
                return .array(elements)
            }
        }

        private mutating func literal() throws(SyntaxError) -> [UInt8] {
            let start = position
            while let byte = current, isLiteralByte(byte) { position += 1 }
            let text = Array(bytes[start..<position])
            for word in ["true", "false", "null"] where text == Array(word.utf8) { return text }
            guard isNumber(text) else {
                position = start
                throw expected("a value")
            }
            return text
        }

        private func isLiteralByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }

        /// Whether a literal is a number by the grammar of RFC 8259 §6.
        ///
        /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
        private func isNumber(_ text: [UInt8]) -> Bool {
            var rest = text[...]
            func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
            if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
            let whole = rest.prefix(while: isDigit)
            guard !whole.isEmpty, whole.count == 1 || whole.first != UInt8(ascii: "0") else { return false }
            rest = rest.dropFirst(whole.count)
            if rest.first == UInt8(ascii: ".") {
                let fraction = rest.dropFirst().prefix(while: isDigit)
                guard !fraction.isEmpty else { return false }
                rest = rest.dropFirst(1 + fraction.count)
            }
            if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
                rest = rest.dropFirst()
                if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                    rest = rest.dropFirst()
                }
                let exponent = rest.prefix(while: isDigit)
                guard !exponent.isEmpty else { return false }
                rest = rest.dropFirst(exponent.count)
            }
            return rest.isEmpty
        }

        private mutating func string() throws(SyntaxError) -> [UInt8] {
            try take("\"")
            var result: [UInt8] = []
            while let byte = current {
                position += 1
                switch byte {
                case UInt8(ascii: "\""):
                    guard String(validating: result, as: UTF8.self) != nil else { throw expected("valid UTF-8") }
                    return result
                case UInt8(ascii: "\\"): result += try escape()
                case 0..<0x20:
                    position -= 1
                    throw expected("no raw control character")
                default: result.append(byte)
                }
            }
            throw expected("'\"'")
        }

        private mutating func escape() throws(SyntaxError) -> [UInt8] {
            guard let byte = current else { throw expected("an escape") }
            position += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
            case UInt8(ascii: "b"): return [0x08]
            case UInt8(ascii: "f"): return [0x0c]
            case UInt8(ascii: "n"): return [0x0a]
            case UInt8(ascii: "r"): return [0x0d]
            case UInt8(ascii: "t"): return [0x09]
            case UInt8(ascii: "u"):
                var code = try hexadecimal()
                if (0xd800..<0xdc00).contains(code) {
                    try take("\\")
                    try take("u")
                    let low = try hexadecimal()
                    guard (0xdc00..<0xe000).contains(low) else { throw expected("a low surrogate") }
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
                }
                guard let scalar = Unicode.Scalar(code) else { throw expected("a Unicode scalar") }
                return Array(String(Character(scalar)).utf8)
            default:
                position -= 1
                throw expected("one of \"\\/bfnrtu")
            }
        }

        private mutating func hexadecimal() throws(SyntaxError) -> UInt32 {
            guard position + 4 <= bytes.count,
                let text = String(validating: bytes[position..<position + 4], as: UTF8.self),
                text.allSatisfy(\.isHexDigit), let code = UInt32(text, radix: 16)
            else { throw expected("four hexadecimal digits") }
            position += 4
            return code
        }
    }
}
