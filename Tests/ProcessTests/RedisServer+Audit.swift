import Bus
import RedisBus
import Signatures
import TestSupport

extension RedisServer {
    /// Writes entries into the audit chain of a partition.
    func audit(_ count: Int, in partition: Partition) async throws {
        try await use { _, store in
            try await store.ensureLibrary()
            let chain = AuditChain(keys: Keys(), digest: SHA256Digest())
            for number in 1...count {
                let link = try await chain.next(
                    in: partition, store: store, time: Fixtures.now, actor: "test", action: "did", subject: "\(number)",
                    detail: [:], trace: TraceContext(seed: "x"))
                _ = try await store.appendAudit(link)
            }
        }
    }
}
