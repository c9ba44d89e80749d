import Bus
import NIOCore
import RedisBus
import RedisClient

/// Decodes the reply to an XREADGROUP of 1,000 entries so many times, for a tool that counts what that takes.
///
/// Synchronous and without other duties: nothing runs beside the decoding. Usage: `sre-bench-decode replies|entries N`;
/// `entries` makes entries of the bus of the reply as well.
@main
struct DecodeProbe {
    static let entries = 1_000
    /// What a connection reads at a time.
    private static let portion = 65_536

    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 2, let what = arguments.first, ["replies", "entries"].contains(what),
            let times = arguments.last.flatMap({ Int($0) }), times >= 0
        else {
            print("usage: sre-bench-decode replies|entries N")
            return
        }
        var reply = reply()
        var portions: [ByteBuffer] = []
        while let portion = reply.readSlice(length: min(portion, max(1, reply.readableBytes))) {
            portions.append(portion)
        }
        let reader = try RESPReader()
        var count = 0
        for _ in 0..<times {
            for portion in portions { try reader.feed(portion) }
            guard let list = try reader.next()?.array?.first?.array?.last else { continue }
            count += what == "entries" ? try StreamEntry.list(list).count : list.array?.count ?? 0
        }
        print("\(count) entries")
    }

    /// One stream with entries of one field of 200 bytes.
    private static func reply() -> ByteBuffer {
        var text = "*1\r\n*2\r\n$1\r\ns\r\n*\(entries)\r\n"
        let payload = String(repeating: "x", count: 200)
        for number in 0..<entries {
            let id = "1732550400123-\(number)"
            text += "*2\r\n$\(id.utf8.count)\r\n\(id)\r\n*2\r\n$4\r\ndata\r\n$200\r\n\(payload)\r\n"
        }
        return ByteBuffer(string: text)
    }
}
