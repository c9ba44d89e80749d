import Bus
import Foundation
import RedisBus
import RedisClient
import TestSupport

/// A master behind Sentinel is killed or paused under load: nothing that a replica had acknowledged is lost.
package enum SentinelProof: Proof {
    package static let name = "sentinel"
    package static let fullRuns = 8

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var report = ProofReport(name: name, runs: runs, seed: seed)
        for run in 0..<runs {
            var generator = SeededGenerator(seed: seed + UInt64(run))
            let isPause = Bool.random(using: &generator)
            let group = try SentinelGroup()
            let before = try group.master() ?? 0
            try await GroupRun.drive(group.url, replicas: 1, lanes: 3, &report, "seed \(seed + UInt64(run))") {
                workload in
                await workload.awaitProgress(50)
                // Paused, the old master is an isolated one: it comes back later, still believing.
                if isPause { group.servers[before].signal(SIGSTOP) } else { group.servers[before].end() }
                while try group.master() == before { try await Task.sleep(for: .milliseconds(50)) }
                await workload.awaitProgress(workload.progress + 50)
                if isPause { group.servers[before].signal(SIGCONT) } else { try group.servers[before].start() }
                await workload.awaitProgress(workload.progress + 50)
            }
            report.count(isPause ? "masters paused" : "masters killed")
            progress("\(run + 1) of \(runs): the master was \(isPause ? "paused" : "killed")")
        }
        return report
    }
}

/// A cluster loses a master, a slot moves, and a node forgets its functions, all under load.
package enum ClusterProof: Proof {
    package static let name = "cluster"
    package static let fullRuns = 4

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var report = ProofReport(name: name, runs: runs, seed: seed)
        for run in 0..<runs {
            var generator = SeededGenerator(seed: seed + UInt64(run))
            let group = try ClusterGroup()
            let lane = Int.random(in: 0..<6, using: &generator)
            let victim = try group.masters().randomElement(using: &generator) ?? 0
            try await GroupRun.drive(group.url, replicas: 1, lanes: 6, &report, "seed \(seed + UInt64(run))") {
                workload in
                await workload.awaitProgress(30)
                _ = try group.migrate(slotOf: "sre:\(Partition(rawValue: lane).tag):document")
                await workload.awaitProgress(workload.progress + 30)
                for master in try group.masters() {
                    try TestHost.run("/usr/bin/redis-cli", ["-p", "\(group.ports[master])", "function", "flush"])
                }
                await workload.awaitProgress(workload.progress + 30)
                group.servers[victim].end()
                while try group.masters().contains(victim) { try await Task.sleep(for: .milliseconds(50)) }
                // Its replica leads now and has none of its own: what waits for a replica waits until the victim is back.
                try group.servers[victim].start()
                await workload.awaitProgress(workload.progress + 30)
            }
            report.count("slots moved")
            report.count("masters killed")
            progress("\(run + 1) of \(runs): a slot moved, functions were flushed, a master was killed")
        }
        return report
    }
}

/// One run of a workload on a group of servers.
private enum GroupRun {
    static func drive(
        _ url: String, replicas: Int, lanes: Int, _ report: inout ProofReport, _ label: String,
        _ faults: @Sendable (GroupWorkload) async throws -> Void
    ) async throws {
        var configuration = try RedisConfiguration(url: url)
        configuration.commandTimeout = .seconds(2)
        let client = RedisClient(configuration: configuration, logger: RedisServer.quiet)
        let running = Task { await client.run() }
        defer { running.cancel() }
        let store = RedisBus(
            client: client, durability: .init(replicas: replicas, timeout: .milliseconds(200)),
            logger: RedisServer.quiet)
        try await store.ensureLibrary()
        let workload = GroupWorkload(store: store, lanes: lanes)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await workload.run() }
            try await faults(workload)
            workload.end()
            try await group.waitForAll()
        }
        report.violations += try await workload.violations().map { "\(label): \($0)" }
        workload.count(into: &report)
    }
}

extension GroupWorkload {
    /// Returns when every lane has come so far.
    func awaitProgress(_ count: Int64) async {
        while progress < count, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(10)) }
    }
}
