import Model

/// W3C trace context (Level 1, §3.2) with version 00: carried through every entry, so that an incident is one trace.
package struct TraceContext: Sendable, Hashable {
    /// 32 lower-case hex digits, not all zero.
    package var traceID: String
    /// 16 lower-case hex digits, not all zero.
    package var parentID: String
    /// Whether the trace is recorded.
    package var sampled: Bool

    /// Reads a `traceparent` header; `nil` when it is not valid.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "00", Self.isHex(parts[1], 32), Self.isHex(parts[2], 16),
            let flags = UInt8(parts[3], radix: 16), parts[3].utf8.count == 2
        else { return nil }
        self.traceID = parts[1]
        self.parentID = parts[2]
        self.sampled = flags & 1 == 1
    }

    /// A new trace whose ids are derived from `seed`, so that a repeated computation gives the same trace.
    package init(seed: String) {
        self.traceID = Self.digits("a" + seed) + Self.digits("b" + seed)
        self.parentID = Self.digits("c" + seed)
        self.sampled = true
    }

    /// A child of this context for the work that `seed` names.
    package func child(_ seed: String) -> TraceContext {
        var child = self
        child.parentID = Self.digits(parentID + seed)
        return child
    }

    private static func isHex(_ text: String, _ count: Int) -> Bool {
        text.utf8.count == count && text.contains { $0 != "0" }
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }

    private static func digits(_ seed: String) -> String {
        var hash = StableHash()
        hash.combine(seed)
        let hex = String(max(hash.value, 1), radix: 16)
        return String(repeating: "0", count: 16 - hex.count) + hex
    }
}

extension TraceContext: CustomStringConvertible {
    package var description: String { "00-\(traceID)-\(parentID)-\(sampled ? "01" : "00")" }
}
