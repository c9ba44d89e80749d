import Bus
import Foundation
import RedisBus
import RedisClient
import Signatures
import TestSupport
import WireFormat

/// The append-only file is cut at random bytes: what is loaded from any prefix is consistent in itself.
///
/// One run is one cut. A step of the workload is one call that consumes an entry, adds it up, writes an output and links
/// the audit chain; after a cut, state, outputs, positions, counters, marks and chain must tell the same story.
package enum AOFProof: Proof {
    package static let name = "aof"
    package static let fullRuns = 500
    private static let steps: Int64 = 400

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var report = ProofReport(name: name, runs: runs, seed: seed)
        let folder = try TestHost.folder("aof")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = try await write(to: "\(folder)/written")
        var generator = SeededGenerator(seed: seed)
        let increment = try files.filter { $0.hasSuffix(".incr.aof") }.map { file in
            (file, try size("\(folder)/written/appendonlydir/\(file)"))
        }.first
        guard let (name, size) = increment else { throw ServerFailure("Redis wrote no append-only file") }
        for run in 0..<runs {
            let cut = Int.random(in: 0...size, using: &generator)
            let copy = "\(folder)/cut-\(run)"
            try FileManager.default.copyItem(atPath: "\(folder)/written", toPath: copy)
            try truncate("\(copy)/appendonlydir/\(name)", to: cut)
            let server = try RedisServer(
                ["--appendonly", "yes", "--aof-load-truncated", "yes", "--appendfsync", "no"], folder: copy)
            let (violations, done) = try await server.use { _, store in try await inspect(store) }
            report.violations += violations.map { "cut \(cut) of \(size): \($0)" }
            report.count("steps found after the cuts", by: Double(done))
            if (run + 1) % 100 == 0 { progress("\(run + 1) of \(runs) cuts") }
        }
        try await kills(&report, seed: seed, progress)
        return report
    }

    private static func size(_ path: String) throws -> Int {
        (try FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.intValue ?? 0
    }

    private static func truncate(_ path: String, to size: Int) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.truncate(atOffset: UInt64(size))
        try handle.close()
    }

    private static let keys = Keys()
    private static let partition = Partition(rawValue: 3)
    private static var state: String { keys.state("adder", partition) }

    /// Writes the workload and returns the names of the append-only files.
    private static func write(to folder: String) async throws -> [String] {
        let server = try RedisServer(
            ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"], folder: folder,
            isKept: true)
        try await server.use { client, store in
            try await store.ensureLibrary()
            guard case .taken(let record) = try await store.takeLease(leaseKey, owner: "writer", expected: nil) else {
                throw ServerFailure("the lease was not free")
            }
            let lease = LeaseProof(key: leaseKey, owner: "writer", token: record.token)
            for step in 1...steps { try await Self.step(step, lease, store) }
        }
        server.end()
        try FileManager.default.removeItem(atPath: "\(folder)/redis.sock")
        return try FileManager.default.contentsOfDirectory(atPath: "\(folder)/appendonlydir")
    }

    private static var leaseKey: String { keys.lease("adder", partition) }

    private static func step(_ step: Int64, _ lease: LeaseProof, _ store: RedisBus) async throws {
        let stream = keys.stream(.observations, partition)
        _ = try await store.append(
            AppendRequest(
                stream: stream, marks: keys.marks(partition), producer: "p", epoch: 1,
                previous: step == 1 ? nil : step - 1, sequence: step, entries: [[Field("n", "\(step)")]]))
        let request = ReadRequest(lease: lease, stateKey: state, stream: stream, limit: 1)
        guard case .entries(let entries, let position, _) = try await store.read(request), let entry = entries.first
        else { throw ServerFailure("step \(step) found nothing to read") }
        let link = try await AuditChain(keys: keys, digest: Fixtures.digest).next(
            in: partition, store: store, time: Fixtures.now, actor: "writer", action: "added", subject: "\(step)",
            detail: [:], trace: TraceContext(seed: "aof"))
        var transaction = Transaction(
            lease: lease, operation: .init(key: lease.key, id: "\(step)"),
            advances: [.init(stateKey: state, stream: stream, group: "adder", from: position, to: entry.id)],
            changes: [
                .increment(key: state, field: "sum", by: step), .increment(key: state, field: "version", by: 1),
                .append(stream: keys.stream(.anomalies, partition), fields: [Field("n", "\(step)")]),
            ])
        transaction.merge(link.transaction)
        guard case .committed = try await store.commit(transaction) else {
            throw ServerFailure("step \(step) was not committed")
        }
    }

    /// - Returns: what does not hold, and how many steps are there.
    private static func inspect(_ store: RedisBus) async throws -> ([String], Int64) {
        func number(_ key: String, _ field: String) async throws -> Int64 {
            try await store.fields(key)[field].flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
        }
        func numbers(_ topic: Topic) async throws -> [Int64] {
            try await store.entries(keys.stream(topic, partition), after: .zero, limit: 10_000)
                .compactMap { $0.text("n").flatMap { Int64($0) } }
        }
        let input = keys.stream(.observations, partition)
        let version = try await number(state, "version")
        let sum = try await number(state, "sum")
        let inputs = try await numbers(.observations)
        let outputs = try await numbers(.anomalies)
        let counters = keys.counters(partition)
        let done = try await number(counters, "done:adder:\(input)")
        let appended = try await number(counters, "appended:\(input)")
        let mark = try await store.fields(keys.marks(partition))["p"].map { String(decoding: $0, as: UTF8.self) }
        let position =
            try await store.fields(state)["position:\(input)"]
            .flatMap { EntryID(String(decoding: $0, as: UTF8.self)) } ?? .zero
        let consumed = try await store.entries(input, after: .zero, limit: 10_000).count { $0.id <= position }
        let audit = try await store.entries(keys.stream(.audit, partition), after: .zero, limit: 10_000)
        let head = try await store.fields(keys.auditHead(partition))["hash"]
            .map { String(decoding: $0, as: UTF8.self) }
        let verifier = AuditVerifier(digest: Fixtures.digest, signatures: Ed25519Verifier(), auditors: [])
        var violations: [String] = []
        func check(_ holds: Bool, _ text: String) { if !holds { violations.append(text) } }
        check(
            outputs == Array(0..<version).map { $0 + 1 }, "version \(version) and outputs \(outputs.suffix(3)) differ")
        check(sum == version * (version + 1) / 2, "sum \(sum) is not that of \(version) entries")
        check(Int64(consumed) == version && done == version, "position \(consumed), done \(done), version \(version)")
        check(
            appended == Int64(inputs.count) && (mark ?? "1:0") == "1:\(inputs.count)",
            "mark \(mark ?? "none"), \(inputs.count) entries, counter \(appended)")
        check(Int64(inputs.count) - version <= 1, "\(inputs.count) entries and version \(version)")
        check(Int64(audit.count) == version, "\(audit.count) audit entries and version \(version)")
        if let problem = verifier.firstBreak(audit, head: head, checkpoints: []) { violations.append("\(problem)") }
        return (violations, version)
    }

    // MARK: kill -9 under load

    /// Redis is killed while it takes appends, with either way of syncing: nothing that was acknowledged is lost.
    private static func kills(
        _ report: inout ProofReport, seed: UInt64, _ progress: @Sendable (String) -> Void
    ) async throws {
        for policy in ["everysec", "always"] {
            for kill in 0..<max(1, min(6, report.runs / 80)) {
                let folder = try TestHost.folder("kill")
                let arguments = ["--appendonly", "yes", "--appendfsync", policy]
                let server = try RedisServer(arguments, folder: folder, isKept: true)
                let acknowledged = try await server.use { _, store in
                    try await store.ensureLibrary()
                    return await flood(store, until: { server.end() }, after: 300 + kill * 100)
                }
                let again = try RedisServer(arguments, folder: folder)
                let stored = try await again.use { _, store in
                    try await store.length(keys.stream(.observations, partition))
                }
                report.count("kills with \(policy)")
                report.count("acknowledged with \(policy)", by: Double(acknowledged))
                if stored < acknowledged {
                    report.violations.append(
                        "\(policy): \(acknowledged) entries were acknowledged, \(stored) are left")
                }
            }
            progress("killed Redis with appendfsync \(policy)")
        }
    }

    /// Appends one by one until the server is gone.
    private static func flood(_ store: RedisBus, until end: () -> Void, after count: Int) async -> Int {
        var mark: Int64?
        var acknowledged = 0
        for number in 1...Int64(count + 1) {
            let request = AppendRequest(
                stream: keys.stream(.observations, partition), marks: keys.marks(partition), producer: "p", epoch: 1,
                previous: mark, sequence: number, entries: [[Field("n", "\(number)")]])
            guard case .appended = try? await store.append(request) else { break }
            mark = number
            acknowledged += 1
            if acknowledged == count { end() }
        }
        return acknowledged
    }
}
