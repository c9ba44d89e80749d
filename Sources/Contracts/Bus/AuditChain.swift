import Model
import WireFormat

/// Links entries of a partition's audit stream: each carries the hash of the one before.
package struct AuditChain: Sendable {
    /// Hash that the first entry continues.
    package static let origin = String(repeating: "0", count: 64)

    private let keys: Keys
    private let digest: any Digest

    package init(keys: Keys, digest: any Digest) {
        self.keys = keys
        self.digest = digest
    }

    /// Reads the head of a partition and makes the next link for it.
    ///
    /// The link is checked against the head when it is written, so a lost race shows as a conflict and is tried again.
    package func next(
        in partition: Partition, store: any BusStore, time: Timestamp, actor: String, action: String, subject: String,
        detail: [String: String], trace: TraceContext
    ) async throws -> AuditAppend {
        let head = try await store.fields(keys.auditHead(partition))
        let sequence = head["seq"].flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
        let previous = head["hash"].map { String(decoding: $0, as: UTF8.self) } ?? Self.origin
        let entry = AuditEntry(
            sequence: sequence + 1, previousHash: previous, time: time, actor: actor, action: action,
            subject: subject, detail: detail)
        return try link(entry, in: partition, trace: trace)
    }

    /// The stored form of an entry.
    package func link(_ entry: AuditEntry, in partition: Partition, trace: TraceContext) throws -> AuditAppend {
        let hash = digest.sha256(try entry.canonicalJSON())
        let envelope = try Envelope(
            entry, id: "\(partition.tag)-\(entry.sequence)", source: entry.actor, time: entry.time, trace: trace,
            notes: [Field("hash", hash)])
        return AuditAppend(
            stream: keys.stream(.audit, partition), head: keys.auditHead(partition), previousHash: entry.previousHash,
            sequence: entry.sequence, hash: hash, fields: envelope.fields)
    }
}
