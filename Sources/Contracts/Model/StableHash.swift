/// FNV-1a with 64 bits: the same value in every process, run and version.
///
/// Source: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm". Not for anything an attacker may gain from.
package struct StableHash: Sendable {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325

    package init() {}

    /// Mixes in the UTF-8 bytes of `text` and a separator.
    package mutating func combine(_ text: String) {
        for byte in text.utf8 { mix(byte) }
        mix(0xff)
    }

    /// Mixes in an integer.
    package mutating func combine(_ value: Int64) {
        for shift in stride(from: 0, to: 64, by: 8) { mix(UInt8(truncatingIfNeeded: value >> Int64(shift))) }
    }

    private mutating func mix(_ byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    /// The hash of all that was mixed in, with its bits spread once more.
    package var value: UInt64 {
        var mixed = state
        mixed = (mixed ^ (mixed >> 33)) &* 0xff51_afd7_ed55_8ccd
        mixed = (mixed ^ (mixed >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return mixed ^ (mixed >> 33)
    }

    /// The hash as thirteen characters of lower-case RFC 4648 base 32.
    package var base32: String { Base32.encode(bigEndianBytes: value) }
}

/// Lower-case RFC 4648 base 32 without padding.
package enum Base32 {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")

    /// Encodes bytes, five bits a character.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = (buffer << 8) | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(alphabet[Int((buffer >> UInt32(bits)) & 31)])
            }
            buffer &= (1 << UInt32(bits)) - 1
        }
        if bits > 0 { text.append(alphabet[Int((buffer << UInt32(5 - bits)) & 31)]) }
        return text
    }

    /// The hex digits that the encoded bytes certainly begin with; `nil` when the text is not base 32.
    package static func hexPrefix(_ text: some StringProtocol) -> String? {
        var digits = ""
        var buffer: UInt32 = 0
        var bits = 0
        for character in text {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            buffer = (buffer << 5) | UInt32(value)
            bits += 5
            while bits >= 4 {
                bits -= 4
                digits += String((buffer >> UInt32(bits)) & 15, radix: 16)
            }
            buffer &= (1 << UInt32(bits)) - 1
        }
        return digits
    }

    fileprivate static func encode(bigEndianBytes value: UInt64) -> String {
        encode((0..<8).reversed().map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) })
    }
}
