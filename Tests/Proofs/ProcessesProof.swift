import Bus
import Foundation
import RedisBus
import RedisClient
import TestSupport

/// Real workers are killed, stopped past their leases and cut off, and Redis is killed: every entry counts once.
package enum ProcessesProof: Proof {
    package static let name = "processes"
    package static let fullRuns = 60
    private static let partitions = 4
    private static let workers = 3
    private static let entries: Int64 = 150

    package static func run(
        runs: Int, seed: UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws -> ProofReport {
        var report = ProofReport(name: name, runs: runs, seed: seed)
        try await everyOffset(&report, seed)
        progress("connections were cut at every byte of a request and of its reply")
        for run in 0..<runs {
            try await schedule(seed + UInt64(run), &report)
            if (run + 1) % 10 == 0 { progress("\(run + 1) of \(runs) schedules") }
        }
        return report
    }

    /// Path of the worker program: beside this one, or where the tests are built.
    static func program() throws -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        for folder in [(own as NSString).deletingLastPathComponent, "\(root)/.build/debug"] {
            let path = "\(folder)/sre-prove"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw ServerFailure("sre-prove is not built: swift build --product sre-prove")
    }

    // MARK: Schedules

    private static func schedule(_ seed: UInt64, _ report: inout ProofReport) async throws {
        var generator = SeededGenerator(seed: seed)
        let server = try RedisServer(["--appendonly", "yes", "--appendfsync", "everysec"])
        let proxy = try await CuttingProxy(to: "\(server.folder)/redis.sock", seed: seed)
        let keys = Keys()
        let program = try program()
        var running: [Worker] = []
        for index in 0..<workers { running.append(try Worker(program, "w\(index)", proxy.port, partitions)) }
        try await server.use { _, store in
            try await store.ensureLibrary()
            let writing = Task { await write(store, keys) }
            proxy.cut(perMillion: 2_000)
            for _ in 0..<Int.random(in: 4...7, using: &generator) {
                let place = Int.random(in: 0..<workers, using: &generator)
                switch Int.random(in: 0..<10, using: &generator) {
                case 0..<4:
                    running[place].end()
                    running[place] = try Worker(program, "w\(place)", proxy.port, partitions)
                    report.count("workers killed")
                case 4..<8:
                    running[place].signal(SIGSTOP)
                    try await Task.sleep(for: .milliseconds(Int.random(in: 700...1_100, using: &generator)))
                    running[place].signal(SIGCONT)
                    report.count("workers stopped past their leases")
                default:
                    server.end()
                    try server.start()
                    report.count("Redis killed")
                }
                try await Task.sleep(for: .milliseconds(Int.random(in: 50...400, using: &generator)))
            }
            proxy.cut(perMillion: 0)
            await writing.value
            for partition in Partition.all(count: partitions) {
                let input = keys.stream(.observations, partition)
                let inputs = try await store.entries(input, after: .zero, limit: 10_000)
                    .compactMap { $0.text("n").flatMap { Int64($0) } }
                if inputs != Array(1...entries) {
                    report.violations.append(
                        "seed \(seed): partition \(partition.rawValue): the stream itself is wrong")
                }
                let output = keys.stream(.anomalies, partition)
                let isDone = try await holds(Int(entries), output, store, within: .seconds(30))
                let outputs = try await HistoryChecker.outputs(store, output)
                if !isDone {
                    report.violations.append(
                        "seed \(seed): partition \(partition.rawValue): not done 30 s after everything healed")
                }
                report.violations += HistoryChecker.violations(inputs: inputs, outputs: outputs)
                    .map { "seed \(seed): partition \(partition.rawValue): \($0)" }
                report.count("entries", by: Double(outputs.count))
                report.count("takeovers", by: Double(max(0, Set(outputs.map(\.token)).count - 1)))
            }
        }
        report.count("connections cut", by: Double(proxy.cuts))
        for worker in running { worker.end() }
        await proxy.close()
    }

    /// Writes the numbers into all partitions, through whatever happens.
    private static func write(_ store: RedisBus, _ keys: Keys) async {
        for number in 1...entries {
            for partition in Partition.all(count: partitions) {
                let request = AppendRequest(
                    stream: keys.stream(.observations, partition), marks: keys.marks(partition), producer: "writer",
                    epoch: 1, previous: number == 1 ? nil : number - 1, sequence: number,
                    entries: [[Field("n", "\(number)")]])
                while !Task.isCancelled {
                    switch try? await store.append(request) {
                    case .appended, .duplicate: break
                    default: continue
                    }
                    break
                }
            }
            try? await Task.sleep(for: .milliseconds(8))
        }
    }

    /// Waits until a stream holds so many entries; whether it does in time.
    private static func holds(
        _ count: Int, _ stream: String, _ store: some BusStore, within patience: Duration
    ) async throws -> Bool {
        let deadline = ContinuousClock.now + patience
        while try await store.length(stream) < count {
            guard ContinuousClock.now < deadline else { return false }
            let newest = try await store.newestEntries(stream, limit: 1).first?.id ?? .zero
            _ = try await store.awaitEntries([stream: newest], timeout: .milliseconds(200))
        }
        return true
    }

    // MARK: Every byte

    /// An append whose connection is cut at each byte of its request, and of its reply, is carried out once.
    private static func everyOffset(_ report: inout ProofReport, _ seed: UInt64) async throws {
        let server = try RedisServer(["--appendonly", "no"])
        let proxy = try await CuttingProxy(to: "\(server.folder)/redis.sock", seed: seed)
        var configuration = try RedisConfiguration(url: "redis://127.0.0.1:\(proxy.port)")
        configuration.initialBackoff = .milliseconds(1)
        configuration.maximumBackoff = .milliseconds(5)
        let client = RedisClient(configuration: configuration, logger: RedisServer.quiet)
        let running = Task { await client.run() }
        defer { running.cancel() }
        let store = RedisBus(client: client, logger: RedisServer.quiet)
        try await store.ensureLibrary()
        var number: Int64 = 0
        for (direction, limit) in [(CuttingProxy.Direction.request, 400), (.reply, 60)] {
            for offset in 0..<limit {
                proxy.arm(direction, after: offset)
                number += 1
                let request = AppendRequest(
                    stream: "{p00}:s", marks: "{p00}:m", producer: "p", epoch: 1,
                    previous: number == 1 ? nil : number - 1, sequence: number, entries: [[Field("n", "\(number)")]])
                switch try await store.append(request) {
                case .appended, .duplicate: report.count("cuts at a chosen byte")
                case let other: report.violations.append("cut \(direction) \(offset): \(other)")
                }
            }
        }
        let numbers = try await store.entries("{p00}:s", after: .zero, limit: 10_000)
            .compactMap { $0.text("n").flatMap { Int64($0) } }
        if numbers != Array(1...number) { report.violations.append("cuts at chosen bytes lost or doubled an entry") }
        await proxy.close()
    }

    /// A worker process.
    final class Worker: Sendable {
        private let process: ServerProcess

        init(_ program: String, _ name: String, _ port: Int, _ partitions: Int) throws {
            process = try ServerProcess(
                program,
                [
                    "worker", "--redis", "redis://127.0.0.1:\(port)", "--name", name, "--partitions", "\(partitions)",
                ], readyMark: "working")
        }

        func end() { process.end() }
        func signal(_ number: Int32) { process.signal(number) }
    }
}
