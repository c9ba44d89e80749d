import Bus
import RedisClient

extension RedisBus {
    /// Puts entries back into a stream at the positions that they had, for study.
    ///
    /// Positions of readers and counters stay as they are. The entries must be in order and after everything that stands
    /// in the stream.
    package func restore(_ entries: [StreamEntry], to stream: String) async throws(BusError) {
        for entry in entries {
            var words: [[UInt8]] = [Array(stream.utf8), Array("\(entry.id)".utf8)]
            for field in entry.fields { words += [Array(field.name.utf8), field.value] }
            do {
                _ = try await client.send(RedisCommand("XADD", arguments: words, key: stream))
            } catch {
                throw BusError(error, during: "XADD \(stream) \(entry.id)")
            }
        }
    }
}
