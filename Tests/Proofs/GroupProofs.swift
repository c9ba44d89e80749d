import Bus
import Foundation
import RedisBus
import RedisClient
import TestSupport

/// A master behind Sentinel is killed, paused or cut off under load: nothing that a replica had acknowledged is lost.
///
/// Where the machine allows it each server has a host of its own, and a master that is cut off from the others keeps
/// writers that still reach it.
package enum SentinelProof: Proof {
    package static let name = "sentinel"
    package static let fullRuns = 10

    private enum Fault: String, CaseIterable {
        /// No way to the others and none back.
        case isolated
        case killed
        case paused
        /// What it sends is lost.
        case mute
        /// What is sent to it is lost.
        case deaf

        var needsNetwork: Bool { self != .killed && self != .paused }
    }

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var report = ProofReport(name: name, runs: runs, seed: seed)
        let hasNetwork = VirtualNetwork.isAvailable
        if !hasNetwork { progress("no network namespaces here: masters are killed and paused, but not cut off") }
        let faults = Fault.allCases.filter { hasNetwork || !$0.needsNetwork }
        for run in 0..<runs {
            let fault = faults[run % faults.count]
            let group = try SentinelGroup(on: hasNetwork ? try VirtualNetwork(hosts: 3) : nil)
            let before = try group.master() ?? 0
            let clients = [group.url, group.url(of: [before])]
            try await GroupRun.drive(clients, lanes: 3, &report, "seed \(seed), run \(run), \(fault)") { workloads in
                await workloads.awaitProgress(50)
                try strike(fault, group, before)
                // What waits for a replica goes on under a new master only.
                await workloads[0].awaitProgress(workloads[0].progress + 50)
                guard try group.master() != before else {
                    throw ServerFailure("the master was \(fault), and transitions went on without another one")
                }
                try heal(fault, group, before)
                await workloads.awaitProgress(50)
            }
            report.count("masters \(fault)")
            progress("\(run + 1) of \(runs): the master was \(fault)")
        }
        return report
    }

    private static func strike(_ fault: Fault, _ group: SentinelGroup, _ master: Int) throws {
        switch fault {
        case .killed: group.servers[master].end()
        // Paused, it comes back later, still believing.
        case .paused: group.servers[master].signal(SIGSTOP)
        case .isolated, .mute, .deaf: try setWays(fault, group, master, isOpen: false)
        }
    }

    private static func heal(_ fault: Fault, _ group: SentinelGroup, _ master: Int) throws {
        switch fault {
        case .killed: try group.servers[master].start()
        case .paused: group.servers[master].signal(SIGCONT)
        case .isolated, .mute, .deaf: try setWays(fault, group, master, isOpen: true)
        }
    }

    private static func setWays(_ fault: Fault, _ group: SentinelGroup, _ master: Int, isOpen: Bool) throws {
        for other in group.servers.indices where other != master {
            if fault != .deaf { try group.network?.setWay(from: master, to: other, isOpen: isOpen) }
            if fault != .mute { try group.network?.setWay(from: other, to: master, isOpen: isOpen) }
        }
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
            try await GroupRun.drive([group.url], lanes: 6, &report, "seed \(seed + UInt64(run))") { workloads in
                let workload = workloads[0]
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

/// One run of workloads on a group of servers.
private enum GroupRun {
    /// - Parameter urls: each gets a client and a workload of its own, with lanes that nobody else uses.
    static func drive(
        _ urls: [String], lanes: Int, _ report: inout ProofReport, _ label: String,
        _ faults: @Sendable ([GroupWorkload]) async throws -> Void
    ) async throws {
        let stores = try urls.map(Writer.init)
        defer { for store in stores { store.running.cancel() } }
        guard let observer = stores.first?.store else { return }
        try await observer.ensureLibrary()
        let workloads = stores.enumerated().map { number, writer in
            GroupWorkload(store: writer.store, lanes: lanes, first: number * lanes)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for workload in workloads { group.addTask { await workload.run() } }
            try await faults(workloads)
            for workload in workloads { workload.end() }
            try await group.waitForAll()
        }
        for workload in workloads {
            report.violations += try await workload.violations(in: observer).map { "\(label): \($0)" }
            workload.count(into: &report)
        }
    }

    private struct Writer {
        let store: RedisBus
        let running: Task<Void, Never>

        init(_ url: String) throws {
            var configuration = try RedisConfiguration(url: url)
            configuration.commandTimeout = .seconds(2)
            let client = RedisClient(configuration: configuration, logger: RedisServer.quiet)
            running = Task { await client.run() }
            store = RedisBus(
                client: client, durability: .init(replicas: 1, timeout: .milliseconds(200)),
                logger: RedisServer.quiet)
        }
    }
}

extension [GroupWorkload] {
    /// Returns when every lane of each has come so much further.
    fileprivate func awaitProgress(_ steps: Int64) async {
        let goals = map { $0.progress + steps }
        for (workload, goal) in zip(self, goals) { await workload.awaitProgress(goal) }
    }
}
