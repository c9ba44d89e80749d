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
        try await members([key, "+inf", "\(minimum)", "BYSCORE", "REV", "LIMIT", "0", "\(limit)", "WITHSCORES"])
    }

    package func lowest(_ key: String, maximum: Int64, limit: Int) async throws(BusError) -> [RankedMember] {
        try await members([key, "-inf", "\(maximum)", "BYSCORE", "LIMIT", "0", "\(limit)", "WITHSCORES"])
    }

    private func members(_ range: [String]) async throws(BusError) -> [RankedMember] {
        let flat = try await query("ZRANGE", range).array ?? []
        var members: [RankedMember] = []
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            guard let member = flat[index].string, let score = flat[index + 1].string.flatMap({ Double($0) }) else {
                throw BusError(.corrupt, "\(range[0]) has an unexpected member")
            }
            members.append(RankedMember(member: member, score: Int64(score)))
        }
        return members
    }

    package func length(_ stream: String) async throws(BusError) -> Int {
        Int(try await query("XLEN", [stream]).int ?? 0)
    }

    package func watchGroups(_ streams: [String]) -> [[String]] {
        guard client.isCluster else { return streams.isEmpty ? [] : [streams] }
        return Dictionary(grouping: streams, by: HashSlot.init(of:)).sorted { $0.key.rawValue < $1.key.rawValue }
            .map(\.value)
    }

    package func awaitEntries(
        _ positions: [String: EntryID], timeout: Duration
    ) async throws(BusError) -> [String: EntryID] {
        let groups = watchGroups(positions.keys.sorted())
        guard groups.count > 1 else { return try await awaitTogether(positions, groups.first ?? [], timeout) }
        do {
            return try await withThrowingTaskGroup(of: [String: EntryID].self) { tasks in
                for group in groups { tasks.addTask { try await awaitTogether(positions, group, timeout) } }
                defer { tasks.cancelAll() }
                for try await found in tasks where !found.isEmpty { return found }
                return [:]
            }
        } catch let error as BusError {
            throw error
        } catch {
            throw BusError(.unavailable, "XREAD: \(error)")
        }
    }

    /// Waits for streams of one hash slot.
    private func awaitTogether(
        _ positions: [String: EntryID], _ streams: [String], _ timeout: Duration
    ) async throws(BusError) -> [String: EntryID] {
        guard !streams.isEmpty else { return [:] }
        let milliseconds = max(1, Int64(timeout / .milliseconds(1)))
        let ids = streams.map { "\(positions[$0] ?? .zero)" }
        let words = ["COUNT", "1", "BLOCK", "\(milliseconds)", "STREAMS"] + streams + ids
        let command = RedisCommand(
            "XREAD", arguments: words.map { Array($0.utf8) }, isIdempotent: true, key: streams[0])
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
