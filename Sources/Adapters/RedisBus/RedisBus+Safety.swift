import Bus
import RedisClient

extension RedisBus {
    /// Refuses a Redis that could lose or evict what the system relies on.
    ///
    /// - Parameter allowVolatile: accepts a server without append-only file; for throw-away set-ups only.
    /// - Throws: `BusError` with code `unsafe` and a sentence that says what to set.
    package func checkSafety(allowVolatile: Bool = false) async throws(BusError) {
        let text = try await query("INFO", ["everything"], hasKey: false).string ?? ""
        var info: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            info[line[..<colon]] = line[line.index(after: colon)...]
        }
        let version = info["redis_version"] ?? ""
        guard let major = version.split(separator: ".").first.flatMap({ Int($0) }), major >= 7 else {
            throw BusError(.unsafe, "Redis \(version) is too old: version 7.0 or newer is needed for its functions")
        }
        let policy = info["maxmemory_policy"] ?? "noeviction"
        guard policy == "noeviction" else {
            throw BusError(
                .unsafe,
                "Redis evicts keys (maxmemory-policy \(policy)): leases and streams would vanish; "
                    + "set 'maxmemory-policy noeviction'")
        }
        guard info["aof_enabled"] == "1" || allowVolatile else {
            throw BusError(
                .unsafe,
                "Redis keeps no append-only file: a restart would lose approvals and audit; "
                    + "set 'appendonly yes' (and 'appendfsync everysec' or 'always')")
        }
        guard info["aof_last_write_status"] != "err" else {
            throw BusError(.unsafe, "Redis cannot write its append-only file; look at its disk")
        }
    }
}
