/// A state as bytes, with its kind and version before it and a checksum behind.
///
/// Layout, all numbers little-endian: `SRES`, format (1 byte), length and text of the kind (1 + n bytes), version (4 bytes),
/// length of the state (4 bytes), the state, FNV-1a of everything before (8 bytes). The state is what its `Codable`
/// conformance says, in a compact tagged form (`SnapshotValue`); a warm ensemble takes about 5 KiB.
package enum Snapshot {
    /// Of the layout; readers refuse another one.
    private static let format: UInt8 = 1
    private static let magic = Array("SRES".utf8)

    /// Writes a state.
    ///
    /// - Parameters:
    ///   - state: what is stored.
    ///   - kind: what it is the state of, at most 255 bytes.
    ///   - version: of the state's fields and their meaning, at least 0.
    /// - Throws: `SnapshotError.unusable` for a state that is nested too deeply or too large.
    package static func bytes(of state: some Encodable, kind: String, version: Int) throws(SnapshotError) -> [UInt8] {
        let name = Array(kind.utf8.prefix(255))
        var content: [UInt8] = []
        try SnapshotValue(encoding: state).write(to: &content)
        guard let length = UInt32(exactly: content.count), let number = UInt32(exactly: version) else {
            throw .unusable("it is too large")
        }
        var bytes = magic + [format, UInt8(name.count)] + name
        bytes.append(contentsOf: number.littleEndianBytes)
        bytes.append(contentsOf: length.littleEndianBytes)
        bytes += content
        bytes.append(contentsOf: checksum(bytes[...]).littleEndianBytes)
        return bytes
    }

    /// Reads a state.
    ///
    /// - Throws: `SnapshotError`, for whatever the bytes may be.
    package static func state<State: Decodable>(
        _: State.Type = State.self, from bytes: [UInt8], kind: String, version: Int
    ) throws(SnapshotError) -> State {
        guard bytes.starts(with: magic) else {
            throw magic.starts(with: bytes) ? .truncated : .notASnapshot
        }
        var reader = ByteReader(bytes)
        reader.skip(magic.count)
        guard try reader.byte() == format else { throw .notASnapshot }
        let name = String(decoding: try reader.bytes(Int(try reader.byte())), as: UTF8.self)
        let number = Int(try reader.integer(UInt32.self))
        let length = Int(try reader.integer(UInt32.self))
        guard reader.remaining == length + 8 else { throw .truncated }
        guard checksum(bytes.dropLast(8)) == bytes.suffix(8).reversed().reduce(0, { $0 << 8 | UInt64($1) }) else {
            throw .damaged
        }
        guard name == kind else { throw .otherKind(found: name, expected: kind) }
        guard number == version else { throw .otherVersion(found: number, expected: version) }
        let value = try SnapshotValue(&reader, depth: 0)
        guard reader.remaining == 8 else { throw .unusable("it is followed by something") }
        do {
            return try value.decode()
        } catch {
            throw .unusable("\(error)")
        }
    }

    /// FNV-1a, 64 bits (Fowler, Noll and Vo).
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}

extension FixedWidthInteger {
    var littleEndianBytes: [UInt8] {
        (0..<(Self.bitWidth / 8)).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
    }
}

/// Reads bytes from the front.
struct ByteReader {
    private let all: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { all = bytes }

    var remaining: Int { all.count - position }

    mutating func skip(_ count: Int) { position = min(all.count, position + count) }

    mutating func byte() throws(SnapshotError) -> UInt8 {
        guard position < all.count else { throw .truncated }
        position += 1
        return all[position - 1]
    }

    mutating func bytes(_ count: Int) throws(SnapshotError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else { throw .truncated }
        position += count
        return all[(position - count)..<position]
    }

    mutating func integer<Number: FixedWidthInteger>(_: Number.Type) throws(SnapshotError) -> Number {
        try bytes(Number.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }

    /// Seven bits a byte, the lowest first (LEB128).
    mutating func length() throws(SnapshotError) -> Int {
        var result = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            let byte = try byte()
            result |= Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return result }
        }
        throw .unusable("a length is too long")
    }
}
