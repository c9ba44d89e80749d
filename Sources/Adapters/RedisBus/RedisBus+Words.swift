import Bus
import RedisClient

extension RedisBus {
    /// A commit as the words that are sent for it, for tools that measure or replay it.
    package func commitWords(_ transaction: Transaction) throws(RedisError) -> [String] {
        try Self.command("commit", transaction, transaction.allKeys).words().map { String(decoding: $0, as: UTF8.self) }
    }
}
