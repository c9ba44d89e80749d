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
        var checkpointer = checkpointer(store)
        #expect(try await checkpointer.next(now: Fixtures.now).checkpoints.isEmpty)
        try await add(3, to: store)
        let round = try await checkpointer.next(now: Fixtures.now)
        let checkpoints = try verified(round)
        #expect(checkpoints.map(\.sequence) == [3] && round.losses.isEmpty)
        #expect(try await checkpointer.next(now: Fixtures.now).checkpoints.isEmpty)
        try await add(2, to: store)
        let grown = try await checkpointer.next(now: Fixtures.now)
        #expect(try verified(grown).map(\.sequence) == [5] && grown.losses.isEmpty)
        #expect(verifier().firstBreak(try await stored(in: store), head: nil, checkpoints: checkpoints) == nil)
        // Between two times only a chain that grows fast.
        try await add(3, to: store)
        #expect(try await checkpointer.next(growth: 4, now: Fixtures.now).checkpoints.isEmpty)
        try await add(1, to: store)
        #expect(try verified(try await checkpointer.next(growth: 4, now: Fixtures.now)).map(\.sequence) == [9])
    }

    /// A replica that was behind takes over, and goes on from an older head.
    @Test(arguments: [0, 1, 2, 30]) func whatAFailoverLostIsRecordedInTheChain(_ addedAfterwards: Int) async throws {
        let (store, replica) = (ModelStore(), ModelStore())
        try await add(3, to: store)
        try await add(3, to: replica)
        var before = checkpointer(store)
        var signed = try verified(try await before.next(now: Fixtures.now))
        try await add(2, to: store, action: "lost")
        signed += try verified(try await before.next(now: Fixtures.now))
        #expect(signed.map(\.sequence) == [3, 5])
        try await add(addedAfterwards, to: replica, action: "afterwards")
        let head = Int64(3 + addedAfterwards)

        let noticed = Timestamp(milliseconds: Fixtures.now.rawValue + 60_000)
        var checkpointer = checkpointer(replica, known: signed.reversed())
        let round = try await checkpointer.next(now: noticed)
        let loss = AuditEpoch(
            cluster: "c", partition: 2, anchoredSequence: 5, anchoredHash: signed[1].hash, keptSequence: 3,
            foundSequence: head, time: noticed)
        #expect(round.losses == [loss])
        let after = try verified(round)
        #expect(after.map(\.sequence) == [head + 1])
        let entries = try await stored(in: replica)
        let findings = verifier().examine(entries, head: nil, checkpoints: signed + after)
        #expect(findings.firstBreak == nil && findings.losses == [loss])
        #expect(try await checkpointer.next(now: noticed).losses.isEmpty)
        // Whoever comes next reads the same checkpoints and finds nothing new.
        var next = self.checkpointer(replica, known: signed + after)
        #expect(try await next.next(now: noticed).losses.isEmpty)

        // The record excuses nothing but what it names, and counts only with the auditor's signature.
        #expect(
            verifier().firstBreak(entries, head: nil, checkpoints: [checkpoint(3, String(repeating: "1", count: 64))])
                != nil)
        var later = signed[1]
        later.time = Timestamp(milliseconds: noticed.rawValue + 1)
        #expect(verifier().firstBreak(entries, head: nil, checkpoints: [later]) != nil)
        #expect(
            verifier(Ed25519Signer()).firstBreak(entries, head: nil, checkpoints: [])?.description.contains(
                "not signed") == true)
    }

    @Test func aChainThatWasLostAsAWholeBeginsWithTheRecordOfIt() async throws {
        let store = ModelStore()
        try await add(4, to: store)
        var before = checkpointer(store)
        let signed = try verified(try await before.next(now: Fixtures.now))
        let empty = ModelStore()
        var after = checkpointer(empty, known: signed)
        let round = try await after.next(now: Fixtures.now)
        #expect(round.losses.map(\.keptSequence) == [0] && round.losses.map(\.foundSequence) == [0])
        let entries = try await stored(in: empty)
        #expect(entries.count == 1)
        #expect(verifier().examine(entries, head: nil, checkpoints: signed).firstBreak == nil)
        #expect(round.losses[0].description.contains("entries up to sequence 4 were lost"))
    }

    private func checkpointer(_ store: ModelStore, known: [AuditCheckpoint] = []) -> AuditCheckpointer {
        AuditCheckpointer(
            cluster: "c", partitions: 4, store: store, keys: Keys(), digest: Fixtures.digest, signer: auditor,
            known: known)
    }

    private func verified(_ round: AuditCheckpointer.Round) throws -> [AuditCheckpoint] {
        try verifier().checkpoints(round.checkpoints.map { .init(signed: $0, origin: "t") }, cluster: "c")[2] ?? []
    }

    private func stored(in store: ModelStore) async throws -> [StreamEntry] {
        try await store.entries(Keys().stream(.audit, Partition(rawValue: 2)), after: .zero, limit: 100)
    }

    private func add(_ count: Int, to store: ModelStore, action: String = "b") async throws {
        let chain = AuditChain(keys: Keys(), digest: Fixtures.digest)
        for _ in 0..<count {
            let link = try await chain.next(
                in: Partition(rawValue: 2), store: store, time: Fixtures.now, actor: "a", action: action, subject: "s",
                detail: [:], trace: TraceContext(seed: "t"))
            guard case .committed = try await store.appendAudit(link) else {
                Issue.record("not added")
                return
            }
            #expect(try await store.appendAudit(link) == .repeated)
        }
    }
}
