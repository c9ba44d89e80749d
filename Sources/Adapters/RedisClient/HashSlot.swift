/// Where a key lives in a Redis Cluster: one of 16,384 slots.
///
/// CRC-16/XMODEM of the key's hash tag, or of the whole key without one (Redis Cluster specification, "Key distribution
/// model" and "Hash tags").
package struct HashSlot: Hashable, Sendable, CustomStringConvertible {
    /// Number of slots.
    package static let count = 16_384

    /// In 0..<16,384.
    package let rawValue: Int

    /// The slot of a key.
    package init(of key: String) {
        let bytes = Array(key.utf8)
        var tagged = bytes[...]
        if let open = bytes.firstIndex(of: UInt8(ascii: "{")),
            let close = bytes[(open + 1)...].firstIndex(of: UInt8(ascii: "}")), close > open + 1
        {
            tagged = bytes[(open + 1)..<close]
        }
        var crc: UInt16 = 0
        for byte in tagged {
            crc ^= UInt16(byte) << 8
            for _ in 0..<8 { crc = crc & 0x8000 != 0 ? (crc << 1) ^ 0x1021 : crc << 1 }
        }
        rawValue = Int(crc) % Self.count
    }

    /// A slot by its number; `nil` outside 0..<16,384.
    package init?(rawValue: Int) {
        guard (0..<Self.count).contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    package var description: String { "\(rawValue)" }
}
