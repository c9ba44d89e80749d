/// What an `Encodable` value consists of, as a tree.
enum SnapshotValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case unsigned(UInt64)
    case number(Double)
    case text(String)
    case list([SnapshotValue])
    case record([(name: String, value: SnapshotValue)])

    /// Deeper trees are refused.
    static let deepest = 64

    static func == (one: SnapshotValue, other: SnapshotValue) -> Bool {
        var (left, right): ([UInt8], [UInt8]) = ([], [])
        one.write(to: &left)
        other.write(to: &right)
        return left == right
    }

    // MARK: Bytes

    /// Appends the value: a tag, and what belongs to it.
    func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(0)
        case .bool(let value): bytes.append(value ? 2 : 1)
        case .integer(let value):
            bytes.append(3)
            bytes.append(contentsOf: value.littleEndianBytes)
        case .unsigned(let value):
            bytes.append(4)
            bytes.append(contentsOf: value.littleEndianBytes)
        case .number(let value):
            bytes.append(5)
            bytes.append(contentsOf: value.bitPattern.littleEndianBytes)
        case .text(let value):
            bytes.append(6)
            Self.write(value, to: &bytes)
        case .list(let values):
            bytes.append(7)
            Self.write(values.count, to: &bytes)
            for value in values { value.write(to: &bytes) }
        case .record(let fields):
            bytes.append(8)
            Self.write(fields.count, to: &bytes)
            for field in fields {
                Self.write(field.name, to: &bytes)
                field.value.write(to: &bytes)
            }
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        write(text.utf8.count, to: &bytes)
        bytes.append(contentsOf: text.utf8)
    }

    private static func write(_ length: Int, to bytes: inout [UInt8]) {
        var rest = length
        while rest > 0x7F {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Reads a value.
    init(_ reader: inout ByteReader, depth: Int) throws(SnapshotError) {
        guard depth < Self.deepest else { throw .unusable("it is nested too deeply") }
        switch try reader.byte() {
        case 0: self = .null
        case 1: self = .bool(false)
        case 2: self = .bool(true)
        case 3: self = .integer(Int64(bitPattern: try reader.integer(UInt64.self)))
        case 4: self = .unsigned(try reader.integer(UInt64.self))
        case 5: self = .number(Double(bitPattern: try reader.integer(UInt64.self)))
        case 6: self = .text(try Self.text(&reader))
        case 7:
            let count = try reader.length()
            // Each element takes a byte at least.
            guard count <= reader.remaining else { throw .truncated }
            var values: [SnapshotValue] = []
            for _ in 0..<count { values.append(try SnapshotValue(&reader, depth: depth + 1)) }
            self = .list(values)
        case 8:
            let count = try reader.length()
            guard count <= reader.remaining else { throw .truncated }
            var fields: [(name: String, value: SnapshotValue)] = []
            for _ in 0..<count {
                let name = try Self.text(&reader)
                fields.append((name, try SnapshotValue(&reader, depth: depth + 1)))
            }
            self = .record(fields)
        case let tag: throw .unusable("there is no tag \(tag)")
        }
    }

    private static func text(_ reader: inout ByteReader) throws(SnapshotError) -> String {
        String(decoding: try reader.bytes(try reader.length()), as: UTF8.self)
    }

    // MARK: Values

    /// The tree of a value.
    init(encoding value: some Encodable) throws(SnapshotError) {
        do {
            self = try SnapshotEncoder.tree(of: value, path: [])
        } catch {
            throw .unusable("\(error)")
        }
    }

    /// The value of a tree.
    func decode<Value: Decodable>(_: Value.Type = Value.self) throws -> Value {
        try SnapshotDecoder(self, path: []).decode()
    }
}
