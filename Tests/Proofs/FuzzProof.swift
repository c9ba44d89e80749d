import Bus
import Model
import NIOCore
import RedisClient
import TestSupport
import WireFormat

/// Whatever bytes arrive, the decoders answer with a value or an error, and what was written well is read back.
///
/// Meant to be run under the address sanitizer as well: the RESP decoder builds Swift values in callbacks of a C library.
package enum FuzzProof: Proof {
    package static let name = "fuzz"
    package static let fullRuns = 20_000

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var report = ProofReport(name: name, runs: runs, seed: seed)
        let messages = try samples()
        var first = SeededGenerator(seed: seed)
        for header in ["*2000000000\r\n", "*1048577\r\n", "*1\r\n*1048577\r\n"] {
            if (try? decode(Array(header.utf8), &first)) != nil {
                report.violations.append("an array is begun that nobody could hold: \(header)")
            }
        }
        for run in 0..<runs {
            var generator = SeededGenerator(seed: seed + UInt64(run))
            replies(&generator, &report, "seed \(seed + UInt64(run))")
            entries(messages, &generator, &report)
            if (run + 1) % 5_000 == 0 { progress("\(run + 1) of \(runs)") }
        }
        return report
    }

    // MARK: RESP

    private static func replies(_ generator: inout SeededGenerator, _ report: inout ProofReport, _ label: String) {
        let values = (0...Int.random(in: 0...3, using: &generator)).map { _ in value(&generator, depth: 0) }
        var bytes: [UInt8] = []
        for value in values { encode(value, into: &bytes) }
        do {
            let decoded = try decode(bytes, &generator)
            report.count("replies read back", by: Double(decoded.count))
            if decoded != values { report.violations.append("\(label): \(decoded) was read back of \(values)") }
        } catch {
            report.violations.append("\(label): a well-formed reply is refused: \(error)")
        }
        for _ in 0..<4 {
            let mutated = mutate(bytes, &generator)
            do {
                report.count("values of mutated replies", by: Double(try decode(mutated, &generator).count))
            } catch {
                report.count("mutated replies refused")
            }
        }
    }

    /// Feeds bytes in chunks of random sizes.
    private static func decode(_ bytes: [UInt8], _ generator: inout SeededGenerator) throws -> [RESPValue] {
        let reader = try RESPReader()
        var values: [RESPValue] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let chunk = rest.prefix(Int.random(in: 1...max(1, rest.count), using: &generator))
            rest = rest.dropFirst(chunk.count)
            try reader.feed(ByteBuffer(bytes: chunk))
            while let value = try reader.next() { values.append(value) }
        }
        return values
    }

    private static func value(_ generator: inout SeededGenerator, depth: Int) -> RESPValue {
        switch Int.random(in: 0...(depth < 5 ? 6 : 4), using: &generator) {
        case 0: return .simpleString(text(&generator))
        case 1: return .error(RedisServerError("ERR " + text(&generator)))
        case 2: return .integer(Int64.random(in: .min...(.max), using: &generator))
        case 3:
            let count = Int.random(in: 0...40, using: &generator)
            return .bulk((0..<count).map { _ in UInt8.random(in: .min...(.max), using: &generator) })
        case 4: return .null
        default:
            let count = Int.random(in: 0...4, using: &generator)
            return .array((0..<count).map { _ in value(&generator, depth: depth + 1) })
        }
    }

    private static func text(_ generator: inout SeededGenerator) -> String {
        String(
            (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                "abc XYZ-09".randomElement(using: &generator) ?? "a"
            })
    }

    private static func encode(_ value: RESPValue, into bytes: inout [UInt8]) {
        switch value {
        case .simpleString(let text): bytes += Array("+\(text)\r\n".utf8)
        case .error(let error): bytes += Array("-\(error.message)\r\n".utf8)
        case .integer(let number): bytes += Array(":\(number)\r\n".utf8)
        case .bulk(let data): bytes += Array("$\(data.count)\r\n".utf8) + data + Array("\r\n".utf8)
        case .array(let elements):
            bytes += Array("*\(elements.count)\r\n".utf8)
            for element in elements { encode(element, into: &bytes) }
        case .null: bytes += Array("$-1\r\n".utf8)
        }
    }

    private static func mutate(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0...Int.random(in: 0...3, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0...3, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: .min...(.max), using: &generator)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(Array("*$+-:0129\r\n".utf8).randomElement(using: &generator) ?? 0, at: place)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }

    // MARK: Entries

    private static func samples() throws -> [[Field]] {
        let trace = TraceContext(seed: "fuzz")
        func envelope(_ message: some WireMessage, _ type: Envelope.ContentType = .json) throws -> [Field] {
            try Envelope(message, id: "1", source: "s", time: Fixtures.now, trace: trace, as: type).fields
        }
        return [
            try envelope(Fixtures.anomaly()), try envelope(Fixtures.anomaly(), .protobuf),
            try envelope(Fixtures.incident()), try envelope(Fixtures.incident(), .protobuf),
            try envelope(Fixtures.plan()), try envelope(Fixtures.plan(), .protobuf),
        ]
    }

    /// Mutated entries of streams are read or refused; what is read can be written again.
    private static func entries(
        _ messages: [[Field]], _ generator: inout SeededGenerator, _ report: inout ProofReport
    ) {
        var fields = messages[Int.random(in: 0..<messages.count, using: &generator)]
        let place = Int.random(in: 0..<fields.count, using: &generator)
        fields[place].value = mutate(fields[place].value, &generator)
        guard let envelope = try? Envelope(StreamEntry(id: .zero, fields: fields)) else {
            return report.count("mutated entries refused")
        }
        let anomaly: Anomaly? = try? envelope.decode()
        let incident: Incident? = try? envelope.decode()
        let plan: Plan? = try? envelope.decode()
        let isRead = anomaly != nil || incident != nil || plan != nil
        report.count(isRead ? "mutated entries read" : "mutated entries refused")
        if let anomaly, (try? anomaly.canonicalJSON()) == nil {
            report.violations.append("an anomaly that was read cannot be written: \(anomaly)")
        }
    }
}
