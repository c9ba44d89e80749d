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

        /// Reads lines of JSON, with or without `audit-checkpoint` before each.
        ///
        /// - Throws: `AuditBreak` naming the line that is none.
        package static func lines(_ text: String, origin: String) throws(AuditBreak) -> [Exported] {
            var known: [Exported] = []
            for (number, line) in text.split(separator: "\n").enumerated() {
                let marker = "audit-checkpoint "
                let json = line.firstRange(of: marker).map { line[$0.upperBound...] } ?? line
                guard let signed = try? SignedStatement(json: Array(json.utf8)) else {
                    throw AuditBreak("\(origin):\(number + 1): not a checkpoint")
                }
                known.append(Exported(signed: signed, origin: "\(origin):\(number + 1)"))
            }
            return known
        }
    }

    /// What a chain shows.
    package struct Findings: Sendable, Equatable {
        /// The first break; `nil` when the chain holds.
        package var firstBreak: AuditBreak?
        /// Losses that an auditor has signed, in the order of the chain.
        package var losses: [AuditEpoch] = []
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
            guard isSigned(item.signed) else {
                throw AuditBreak("\(item.origin): the checkpoint is not signed by a trusted auditor's key")
            }
            let checkpoint: AuditCheckpoint
            do {
                checkpoint = try AuditCheckpoint(json: Array(item.signed.statement.utf8))
            } catch {
                throw AuditBreak("\(item.origin): the checkpoint cannot be read: \(error)")
            }
            if checkpoint.cluster == cluster { checkpoints[checkpoint.partition, default: []].append(checkpoint) }
        }
        return checkpoints
    }

    /// The first break of a chain; `nil` when it holds.
    package func firstBreak(
        _ entries: [StreamEntry], head: String?, checkpoints: [AuditCheckpoint]
    ) -> AuditBreak? {
        examine(entries, head: head, checkpoints: checkpoints).firstBreak
    }

    /// Checks a chain, with what it says of losses.
    ///
    /// - Parameters:
    ///   - entries: entries in the order of the stream; the oldest may have been removed when they were due.
    ///   - head: hash of the newest entry as the store has it; `nil` when only an export is at hand.
    ///   - checkpoints: checkpoints of this chain in any order.
    package func examine(
        _ entries: [StreamEntry], head: String?, checkpoints: [AuditCheckpoint]
    ) -> Findings {
        var findings = Findings()
        var hashes: [Int64: String] = [:]
        var previous: AuditEntry?
        var previousHash = AuditChain.origin
        do {
            for stored in entries {
                let (entry, hash) = try link(stored)
                if let previous {
                    try follows(entry, stored.id, previous, previousHash)
                } else {
                    try begins(entry, stored.id, checkpoints)
                }
                if let loss = try loss(entry, stored.id) { findings.losses.append(loss) }
                previous = entry
                previousHash = hash
                hashes[entry.sequence] = hash
            }
            let last = previous?.sequence ?? 0
            if let head, head != previousHash {
                throw AuditBreak(
                    "the head is not the hash of the last entry (sequence \(last)): entries are missing at the end")
            }
            for checkpoint in checkpoints.sorted(by: { $0.sequence < $1.sequence }) where checkpoint.sequence > 0 {
                if findings.losses.contains(where: { $0.covers(checkpoint) }) { continue }
                try holds(checkpoint, hashes, last)
            }
        } catch {
            findings.firstBreak = error as? AuditBreak ?? AuditBreak("\(error)")
        }
        return findings
    }

    private func link(_ stored: StreamEntry) throws(AuditBreak) -> (entry: AuditEntry, hash: String) {
        do {
            let entry: AuditEntry = try Envelope(stored).decode()
            return (entry, digest.sha256(try entry.canonicalJSON()))
        } catch {
            throw AuditBreak("entry \(stored.id): \(error)")
        }
    }

    private func follows(
        _ entry: AuditEntry, _ id: EntryID, _ previous: AuditEntry, _ previousHash: String
    ) throws(AuditBreak) {
        guard entry.sequence == previous.sequence + 1 else {
            throw AuditBreak("entry \(id): sequence \(entry.sequence), expected \(previous.sequence + 1)")
        }
        guard entry.previousHash == previousHash else {
            throw AuditBreak("entry \(id) (sequence \(entry.sequence)): does not continue the entry before it")
        }
    }

    /// The loss that an entry records; without a trusted key nobody can tell whether it is genuine.
    private func loss(_ entry: AuditEntry, _ id: EntryID) throws(AuditBreak) -> AuditEpoch? {
        guard entry.action == AuditEpoch.action, !auditors.isEmpty else { return nil }
        let carried = entry.detail[AuditEpoch.detail].flatMap { try? SignedStatement(json: Array($0.utf8)) }
        guard let carried, let loss = try? AuditEpoch(json: Array(carried.statement.utf8)), isSigned(carried) else {
            throw AuditBreak("entry \(id): the loss it records is not signed by a trusted auditor's key")
        }
        return loss
    }

    private func holds(
        _ checkpoint: AuditCheckpoint, _ hashes: [Int64: String], _ last: Int64
    ) throws(AuditBreak) {
        guard checkpoint.sequence <= last else {
            throw AuditBreak(
                "the chain ends at sequence \(last), but the checkpoint of \(checkpoint.time) saw sequence "
                    + "\(checkpoint.sequence): entries are missing at the end")
        }
        guard let hash = hashes[checkpoint.sequence], hash != checkpoint.hash else { return }
        throw AuditBreak(
            "sequence \(checkpoint.sequence) is not the entry that the checkpoint of \(checkpoint.time) saw: "
                + "the chain was rewritten at or before it")
    }

    private func isSigned(_ signed: SignedStatement) -> Bool {
        let statement = Array(signed.statement.utf8)
        return auditors.contains { signatures.verify(signed.signature, over: statement, publicKey: $0) }
    }

    /// A chain begins with its origin, or where a checkpoint saw the entry before its first one.
    private func begins(
        _ entry: AuditEntry, _ id: EntryID, _ checkpoints: [AuditCheckpoint]
    ) throws(AuditBreak) {
        if entry.sequence == 1, entry.previousHash == AuditChain.origin { return }
        let anchor = checkpoints.contains { checkpoint in
            checkpoint.sequence == entry.sequence - 1 && checkpoint.hash == entry.previousHash
                || checkpoint.sequence >= entry.sequence
        }
        guard anchor, entry.sequence > 1 else {
            throw AuditBreak(
                "entry \(id): the chain begins with sequence \(entry.sequence), and no checkpoint vouches for what was "
                    + "before it")
        }
    }
}

/// Where an audit chain does not hold.
package struct AuditBreak: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
