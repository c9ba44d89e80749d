import Bus
import Model
import RedisClient

extension RedisBus {
    package func lease(_ key: String) async throws(BusError) -> LeaseRecord? {
        let fields = try await fields(key).mapValues { String(decoding: $0, as: UTF8.self) }
        guard let owner = fields["owner"] else { return nil }
        guard let token = fields["token"].flatMap({ Int64($0) }), let beat = fields["beat"].flatMap({ Int64($0) })
        else { throw BusError(.corrupt, "\(key) is not a lease record") }
        return LeaseRecord(owner: owner, token: token, beat: beat)
    }

    /// Wall clock of the server.
    package func serverTime() async throws(BusError) -> Timestamp {
        let parts = (try await query("TIME", []).array ?? []).compactMap { $0.string.flatMap { Int64($0) } }
        guard parts.count == 2 else { throw BusError(.corrupt, "TIME: unexpected reply") }
        return Timestamp(milliseconds: parts[0] * 1_000 + parts[1] / 1_000)
    }

    package func fields(_ key: String) async throws(BusError) -> [String: [UInt8]] {
        let flat = try await query("HGETALL", [key]).array ?? []
        var fields: [String: [UInt8]] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            guard let name = flat[index].string, let bytes = flat[index + 1].bytes else {
                throw BusError(.corrupt, "\(key) has an unexpected field")
            }
            fields[name] = bytes
        }
        return fields
    }

    package func entries(
        _ stream: String, after: EntryID, limit: Int
    ) async throws(BusError) -> [StreamEntry] {
        try StreamEntry.list(try await query("XRANGE", [stream, "(\(after)", "+", "COUNT", "\(limit)"]))
    }

    package func newestEntries(_ stream: String, limit: Int) async throws(BusError) -> [StreamEntry] {
        try StreamEntry.list(try await query("XREVRANGE", [stream, "+", "-", "COUNT", "\(limit)"]))
    }

    package func ranked(_ key: String, minimum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        let flat =
            try await query(
                "ZRANGE", [key, "+inf", "\(minimum)", "BYSCORE", "REV", "LIMIT", "0", "\(limit)", "WITHSCORES"]
            ).array ?? []
        var members: [RankedMember] = []
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            guard let member = flat[index].string, let score = flat[index + 1].string.flatMap({ Double($0) }) else {
                throw BusError(.corrupt, "\(key) has an unexpected member")
            }
            members.append(RankedMember(member: member, score: Int64(score)))
        }
        return members
    }

    package func awaitEntries(
        _ positions: [String: EntryID], timeout: Duration
    ) async throws(BusError) -> [String: EntryID] {
        let streams = positions.keys.sorted()
        let milliseconds = max(1, Int64(timeout / .milliseconds(1)))
        let ids = streams.map { "\(positions[$0] ?? .zero)" }
        let words = ["COUNT", "1", "BLOCK", "\(milliseconds)", "STREAMS"] + streams + ids
        var command = RedisCommand("XREAD", arguments: words.map { Array($0.utf8) })
        command.isIdempotent = true
        let reply: RESPValue
        do {
            reply = try await client.blocking(command, timeout: timeout)
        } catch {
            throw BusError(error, during: "XREAD")
        }
        var found: [String: EntryID] = [:]
        for element in reply.array ?? [] {
            guard let pair = element.array, pair.count == 2, let stream = pair[0].string else { continue }
            found[stream] = try StreamEntry.list(pair[1]).first?.id
        }
        return found
    }
}
