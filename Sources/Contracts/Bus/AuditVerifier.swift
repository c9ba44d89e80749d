import Model
import WireFormat

/// Checks the audit chain of a partition against itself and against checkpoints that were kept elsewhere.
///
/// Edits, deletions, reordering and truncation show in the chain; a chain that was rewritten as a whole with valid hashes
/// shows against the checkpoints, up to the last of them.
package struct AuditVerifier: Sendable {
    /// A checkpoint as it was exported.
    package struct Exported: Sendable, Equatable {
        /// Statement and signature.
        package var signed: SignedStatement
        /// Where it was read, for messages.
        package var origin: String

        package init(signed: SignedStatement, origin: String) {
            self.signed = signed
            self.origin = origin
        }
    }

    private let digest: any Digest
    private let signatures: any SignatureVerifier
    private let auditors: [[UInt8]]

    /// A verifier that trusts checkpoints of these public keys.
    package init(digest: any Digest, signatures: any SignatureVerifier, auditors: [[UInt8]]) {
        self.digest = digest
        self.signatures = signatures
        self.auditors = auditors
    }

    /// Reads checkpoints of a cluster, by partition.
    ///
    /// - Throws: `AuditBreak` for one that is malformed or not signed by a trusted key.
    package func checkpoints(_ exported: [Exported], cluster: String) throws -> [Int: [AuditCheckpoint]] {
        var checkpoints: [Int: [AuditCheckpoint]] = [:]
        for item in exported {
            let statement = Array(item.signed.statement.utf8)
            guard auditors.contains(where: { signatures.verify(item.signed.signature, over: statement, publicKey: $0) })
            else { throw AuditBreak("\(item.origin): the checkpoint is not signed by a trusted auditor's key") }
            let checkpoint: AuditCheckpoint
            do {
                checkpoint = try AuditCheckpoint(json: statement)
            } catch {
                throw AuditBreak("\(item.origin): the checkpoint cannot be read: \(error)")
            }
            if checkpoint.cluster == cluster { checkpoints[checkpoint.partition, default: []].append(checkpoint) }
        }
        return checkpoints
    }

    /// The first break of a chain; `nil` when it holds.
    ///
    /// - Parameters:
    ///   - entries: entries in the order of the stream; the oldest may have been removed when they were due.
    ///   - head: hash of the newest entry as the store has it; `nil` when only an export is at hand.
    ///   - checkpoints: checkpoints of this chain in any order.
    package func firstBreak(
        _ entries: [StreamEntry], head: String?, checkpoints: [AuditCheckpoint]
    ) -> AuditBreak? {
        var hashes: [Int64: String] = [:]
        var previous: AuditEntry?
        var previousHash = AuditChain.origin
        for stored in entries {
            let entry: AuditEntry
            let canonical: [UInt8]
            do {
                entry = try Envelope(stored).decode()
                canonical = try entry.canonicalJSON()
            } catch {
                return AuditBreak("entry \(stored.id): \(error)")
            }
            if let previous {
                guard entry.sequence == previous.sequence + 1 else {
                    return AuditBreak(
                        "entry \(stored.id): sequence \(entry.sequence), expected \(previous.sequence + 1)")
                }
                guard entry.previousHash == previousHash else {
                    return AuditBreak(
                        "entry \(stored.id) (sequence \(entry.sequence)): does not continue the entry before it")
                }
            } else if let problem = beginning(entry, stored.id, checkpoints) {
                return problem
            }
            previous = entry
            previousHash = digest.sha256(canonical)
            hashes[entry.sequence] = previousHash
        }
        let last = previous?.sequence ?? 0
        if let head, head != previousHash {
            return AuditBreak(
                "the head is not the hash of the last entry (sequence \(last)): entries are missing at the end")
        }
        for checkpoint in checkpoints.sorted(by: { $0.sequence < $1.sequence }) where checkpoint.sequence > 0 {
            guard checkpoint.sequence <= last else {
                return AuditBreak(
                    "the chain ends at sequence \(last), but the checkpoint of \(checkpoint.time) saw sequence "
                        + "\(checkpoint.sequence): entries are missing at the end")
            }
            guard let hash = hashes[checkpoint.sequence] else { continue }
            guard hash == checkpoint.hash else {
                return AuditBreak(
                    "sequence \(checkpoint.sequence) is not the entry that the checkpoint of \(checkpoint.time) saw: "
                        + "the chain was rewritten at or before it")
            }
        }
        return nil
    }

    /// A chain begins with its origin, or where a checkpoint saw the entry before its first one.
    private func beginning(
        _ entry: AuditEntry, _ id: EntryID, _ checkpoints: [AuditCheckpoint]
    ) -> AuditBreak? {
        if entry.sequence == 1, entry.previousHash == AuditChain.origin { return nil }
        let anchor = checkpoints.contains { checkpoint in
            checkpoint.sequence == entry.sequence - 1 && checkpoint.hash == entry.previousHash
                || checkpoint.sequence >= entry.sequence
        }
        return anchor && entry.sequence > 1
            ? nil
            : AuditBreak(
                "entry \(id): the chain begins with sequence \(entry.sequence), and no checkpoint vouches for what was "
                    + "before it")
    }
}

/// Where an audit chain does not hold.
package struct AuditBreak: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Signs the heads of all chains.
package struct AuditCheckpointer: Sendable {
    private let cluster: String
    private let partitions: Int
    private let store: any BusStore
    private let keys: Keys
    private let signer: any Signer

    package init(cluster: String, partitions: Int, store: any BusStore, keys: Keys, signer: any Signer) {
        self.cluster = cluster
        self.partitions = partitions
        self.store = store
        self.keys = keys
        self.signer = signer
    }

    /// Checkpoints of the chains that have grown since the given sequences, which are brought up to date.
    package func next(since known: inout [Int: Int64], now: Timestamp) async throws -> [SignedStatement] {
        var signed: [SignedStatement] = []
        for partition in Partition.all(count: partitions) {
            let head = try await store.fields(keys.auditHead(partition))
            guard let sequence = head["seq"].flatMap({ Int64(String(decoding: $0, as: UTF8.self)) }),
                let hash = head["hash"].map({ String(decoding: $0, as: UTF8.self) }),
                sequence != known[partition.rawValue]
            else { continue }
            let checkpoint = AuditCheckpoint(
                cluster: cluster, partition: partition.rawValue, sequence: sequence, hash: hash, time: now)
            let statement = try checkpoint.canonicalJSON()
            signed.append(
                SignedStatement(
                    statement: String(decoding: statement, as: UTF8.self), signature: try signer.sign(statement)))
            known[partition.rawValue] = sequence
        }
        return signed
    }
}
