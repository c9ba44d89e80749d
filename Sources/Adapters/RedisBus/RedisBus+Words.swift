import Bus

extension RedisBus {
    /// A commit as the words after `FCALL` that are sent for it, for tools that measure or replay it.
    package func commitWords(_ transaction: Transaction) -> [String] {
        guard let first = transaction.keys.first else { return [] }
        let keys = [Keys.counters(beside: first)] + transaction.keys
        return ["sre_v1_commit", "\(keys.count)"] + keys
            + transaction.arguments(keys).map { String(decoding: $0, as: UTF8.self) }
    }
}
