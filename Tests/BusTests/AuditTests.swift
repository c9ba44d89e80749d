import Bus
import Model
import Signatures
import TestSupport
import Testing
import WireFormat

@Suite struct AuditTests {
    private let auditor = Ed25519Signer()

    private func verifier(_ trusted: Ed25519Signer? = nil) -> AuditVerifier {
        AuditVerifier(
            digest: Fixtures.digest, signatures: Ed25519Verifier(), auditors: [(trusted ?? auditor).publicKey])
    }

    private func entries(_ count: Int64, mark: String = "b") throws -> (entries: [StreamEntry], hashes: [String]) {
        let chain = AuditChain(keys: Keys(), digest: Fixtures.digest)
        var entries: [StreamEntry] = []
        var hashes = [AuditChain.origin]
        for sequence in 1...count {
            let entry = AuditEntry(
                sequence: sequence, previousHash: hashes[hashes.count - 1], time: Fixtures.now, actor: "a",
                action: mark, subject: "c", detail: ["n": "\(sequence)"])
            let link = try chain.link(entry, in: Partition(rawValue: 0), trace: TraceContext(seed: "t"))
            hashes.append(link.hash)
            entries.append(
                StreamEntry(id: EntryID(milliseconds: UInt64(sequence), sequence: 0), fields: link.fields))
        }
        return (entries, hashes)
    }

    private func checkpoint(_ sequence: Int64, _ hash: String) -> AuditCheckpoint {
        AuditCheckpoint(cluster: "c", partition: 0, sequence: sequence, hash: hash, time: Fixtures.now)
    }

    private func exported(_ checkpoint: AuditCheckpoint, by signer: Ed25519Signer) throws -> AuditVerifier.Exported {
        let statement = try checkpoint.canonicalJSON()
        return .init(
            signed: SignedStatement(
                statement: String(decoding: statement, as: UTF8.self), signature: try signer.sign(statement)),
            origin: "test:1")
    }

    @Test func everyEditDeletionReorderingAndTruncationIsFound() throws {
        let (entries, hashes) = try entries(20)
        let verifier = verifier()
        #expect(verifier.firstBreak(entries, head: hashes.last, checkpoints: []) == nil)
        for index in entries.indices {
            var deleted = entries
            deleted.remove(at: index)
            #expect(verifier.firstBreak(deleted, head: hashes.last, checkpoints: []) != nil)
            var edited = entries
            for field in edited[index].fields.indices where edited[index].fields[field].name == "data" {
                let text = edited[index].fields[field].text.replacing("\"action\":\"b\"", with: "\"action\":\"x\"")
                edited[index].fields[field].value = Array(text.utf8)
            }
            #expect(verifier.firstBreak(edited, head: hashes.last, checkpoints: []) != nil)
            guard index > 0 else { continue }
            var swapped = entries
            swapped.swapAt(index, index - 1)
            #expect(verifier.firstBreak(swapped, head: hashes.last, checkpoints: []) != nil)
        }
        #expect(verifier.firstBreak(Array(entries.dropLast()), head: hashes.last, checkpoints: []) != nil)
    }

    /// Without the head, and even with valid hashes throughout, checkpoints tell.
    @Test func aRewrittenOrTruncatedHistoryIsFoundUpToTheLastCheckpoint() throws {
        let (entries, hashes) = try entries(20)
        let (forged, forgedHashes) = try self.entries(20, mark: "x")
        let verifier = verifier()
        let checkpoints = [checkpoint(7, hashes[7]), checkpoint(14, hashes[14])]
        #expect(verifier.firstBreak(entries, head: nil, checkpoints: checkpoints) == nil)
        #expect(verifier.firstBreak(forged, head: forgedHashes.last, checkpoints: checkpoints) != nil)
        for length in 0..<14 {
            #expect(verifier.firstBreak(Array(entries.prefix(length)), head: nil, checkpoints: checkpoints) != nil)
        }
        #expect(verifier.firstBreak(Array(entries.prefix(15)), head: nil, checkpoints: checkpoints) == nil)
        // What was trimmed when it was due is vouched for by a checkpoint; what is missing without one is not.
        #expect(verifier.firstBreak(Array(entries.dropFirst(7)), head: hashes.last, checkpoints: checkpoints) == nil)
        #expect(verifier.firstBreak(Array(entries.dropFirst(7)), head: hashes.last, checkpoints: []) != nil)
    }

    @Test func onlyTrustedKeysMakeCheckpoints() throws {
        let known = checkpoint(3, AuditChain.origin)
        #expect(try verifier().checkpoints([exported(known, by: auditor)], cluster: "c") == [0: [known]])
        #expect(try verifier().checkpoints([exported(known, by: auditor)], cluster: "other").isEmpty)
        #expect(throws: AuditBreak.self) { try verifier().checkpoints([exported(known, by: .init())], cluster: "c") }
        var altered = try exported(known, by: auditor)
        altered.signed.statement = altered.signed.statement.replacing("\"seq\":\"3\"", with: "\"seq\":\"2\"")
        #expect(throws: AuditBreak.self) { try verifier().checkpoints([altered], cluster: "c") }
    }

    @Test func checkpointsAreMadeOfChainsThatHaveGrown() async throws {
        let store = ModelStore()
        let keys = Keys()
        let chain = AuditChain(keys: keys, digest: Fixtures.digest)
        let checkpointer = AuditCheckpointer(
            cluster: "c", partitions: 4, store: store, keys: keys, signer: auditor)
        var known: [Int: Int64] = [:]
        #expect(try await checkpointer.next(since: &known, now: Fixtures.now).isEmpty)
        let partition = Partition(rawValue: 2)
        for _ in 0..<3 {
            let link = try await chain.next(
                in: partition, store: store, time: Fixtures.now, actor: "a", action: "b", subject: "s", detail: [:],
                trace: TraceContext(seed: "t"))
            #expect(
                try await store.appendAudit(link)
                    == .committed([EntryID(milliseconds: UInt64(link.sequence), sequence: 0)]))
            #expect(try await store.appendAudit(link) == .repeated)
        }
        let signed = try await checkpointer.next(since: &known, now: Fixtures.now)
        let checkpoints = try verifier().checkpoints(signed.map { .init(signed: $0, origin: "t") }, cluster: "c")
        #expect(checkpoints[2]?.map(\.sequence) == [3] && checkpoints.count == 1)
        #expect(try await checkpointer.next(since: &known, now: Fixtures.now).isEmpty)
        let entries = try await store.entries(keys.stream(.audit, partition), after: .zero, limit: 10)
        #expect(verifier().firstBreak(entries, head: nil, checkpoints: checkpoints[2] ?? []) == nil)
    }
}
