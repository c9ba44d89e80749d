import Bus
import Foundation
import Model
import RedisBus
import Signatures
import TestSupport
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Starts with bad or missing surroundings, and configuration that changes while a process runs.
@Suite(.serialized, .timeLimit(.minutes(3))) struct StartTests {
    private let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "start-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func write(_ name: String, _ text: String) throws {
        try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }

    private func configuration(_ more: String = "") throws -> String {
        let shared = Program.root + "/config"
        try write(
            "config.yaml",
            """
            metrics_file: \(shared)/metrics.yaml
            runbooks_folder: \(shared)/runbooks
            policy_file: \(shared)/policy.yaml
            redis: { url: "unix://\(folder)/redis.sock", lease_seconds: 1 }
            prometheus: { url: "http://user:c4nary@127.0.0.1:1" }
            \(more)
            """)
        return "\(folder)/config.yaml"
    }

    /// Status and body of an answer.
    private func get(_ url: String, token: String? = nil) async throws -> (Int, String) {
        var request = URLRequest(url: try #require(URL(string: url)))
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        let (data, response) = try await URLSession.shared.data(for: request)
        return (try #require(response as? HTTPURLResponse).statusCode, String(decoding: data, as: UTF8.self))
    }

    /// The first answer that fits, asked for whenever the program has said something.
    private func get(
        _ url: String, of program: Program, until fits: (Int, String) -> Bool
    ) async throws -> (Int, String) {
        while true {
            if let (status, text) = try? await get(url), fits(status, text) { return (status, text) }
            try #require(await program.readMore(), "\(program.output)")
        }
    }

    @Test(arguments: ["sre-metrics-collector", "sre-analyzer", "sre-planner", "sre-executor", "sre-gateway"])
    func badConfigurationEndsWithACodeOfItsOwnAndTheLine(name: String) async throws {
        try write("bad.yaml", "cluster: x\nbaseline:\n  learning_days: soon\n")
        let bad = try Program(name, ["--config", "\(folder)/bad.yaml", "--check-config"])
        #expect(await bad.waitUntilExit() == 78)
        #expect(bad.output.contains("\(folder)/bad.yaml:3: baseline.learning_days: 'soon' is not valid"))
        #expect(bad.output.contains("valid: 1.0 to 90.0"))
        let good = try Program(name, ["--config", Program.root + "/config/config.yaml", "--check-config"])
        #expect(await good.waitUntilExit() == 0, "\(good.output)")
        let version = try Program(name, ["--version"])
        #expect(await version.waitUntilExit() == 0 && version.output.split(separator: ".").count == 3)
    }

    /// The database goes back to an earlier state under the analyzer, as with a failover to a replica that was behind.
    @Test func auditEntriesThatAFailoverLosesAreRecordedAndReported() async throws {
        let server = try RedisServer(folder: folder)
        let auditor = Ed25519Signer()
        try KeyFile.create(auditor, at: "\(folder)/auditor.key", passphrase: "")
        let marks = "\(folder)/checkpoints.jsonl"
        let file = try configuration(
            "audit: { key_file: \(folder)/auditor.key, checkpoint_file: \(marks), checkpoint_seconds: 1 }")
        let (keys, partition) = (Keys(), Partition(rawValue: 7))
        try await server.audit(5, in: partition)
        let program = try Program("sre-analyzer", ["--config", file, "--telemetry-port", "0"])
        #expect(await program.readUntil("audit-checkpoint"), "\(program.output)")
        _ = try await TestHost.output(
            of:
                "/usr/bin/redis-cli",
            ["-s", "\(folder)/redis.sock", "DEL", keys.stream(.audit, partition), keys.auditHead(partition)])
        #expect(await program.readUntil("an audit chain has lost entries"), "\(program.output)")
        // The checkpoint of the chain as it is now follows the record.
        #expect(await program.readUntil("\\\"seq\\\":\\\"1\\\""), "\(program.output)")
        let report = try await TestHost.output(
            of:
                Program.root + "/.build/debug/sre-agent", ["audit", "verify", "--checkpoints", marks, "--config", file])
        #expect(report.contains("partition 7: entries up to sequence 5 were lost"), "\(report)")
        #expect(report.contains("1 recorded loss"), "\(report)")
        withExtendedLifetime(server) {}
    }

    @Test(arguments: [
        (["--appendonly", "no"], "appendonly yes"),
        (["--appendonly", "yes", "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"], "noeviction"),
    ])
    func anUnsafeRedisIsRefusedWithWhatToSet(arguments: [String], advice: String) async throws {
        let server = try RedisServer(arguments, folder: folder)
        let program = try Program("sre-analyzer", ["--config", try configuration(), "--telemetry-port", "0"])
        #expect(await program.waitUntilExit() == 78)
        #expect(program.output.contains(advice), "\(program.output)")
        withExtendedLifetime(server) {}
    }

    @Test func missingServersAreWaitedForAndSaidInReadiness() async throws {
        let port = try freePort()
        let program = try Program(
            "sre-analyzer", ["--config", try configuration(), "--telemetry-port", "\(port)"],
            environment: ["SRE_LOG_FORMAT": "text"])
        let base = "http://127.0.0.1:\(port)"
        let (_, before) = try await get("\(base)/readyz", of: program) { status, _ in status == 503 }
        #expect(before.contains("redis: ") && before.contains("redis.sock"), "\(before)")
        #expect(try await get("\(base)/healthz").0 == 200)
        let server = try RedisServer(folder: folder)
        let (_, after) = try await get("\(base)/readyz", of: program) { _, text in !text.contains("redis") }
        #expect(after == "prometheus: http://127.0.0.1:1 does not answer\n")
        program.signal(SIGTERM)
        #expect(await program.waitUntilExit() == 0)
        #expect(program.output.contains("waiting for Redis"))
        #expect(program.output.contains("127.0.0.1:1/api/v1") && !program.output.contains("c4nary"))
        withExtendedLifetime(server) {}
    }

    @Test func aHangUpTakesGoodConfigurationIntoUseAndRefusesBad() async throws {
        let server = try RedisServer(folder: folder)
        let port = try freePort()
        func tokens(_ token: String) -> String {
            "tokens:\n  - { subject: a, role: viewer, sha256: \(SHA256Digest().sha256(Array(token.utf8))) }\n"
        }
        try write("tokens.yaml", tokens("one"))
        let file = try configuration("gateway: { port: \(port), tokens_file: tokens.yaml }")
        let program = try Program(
            "sre-gateway", ["--config", file, "--telemetry-port", "0"], environment: ["SRE_LOG_FORMAT": "text"])
        #expect(await program.readUntil("serving the API"), "\(program.output)")
        let url = "http://127.0.0.1:\(port)/status"
        #expect(try await get(url, token: "one").0 == 200)
        #expect(try await get(url, token: "two").0 == 401)

        try write("tokens.yaml", tokens("two"))
        program.signal(SIGHUP)
        #expect(await program.readUntil("took the new configuration into use"))
        #expect(try await get(url, token: "two").0 == 200)
        #expect(try await get(url, token: "one").0 == 401)

        try write("tokens.yaml", "tokens:\n  - { subject: a, role: king, sha256: 0 }\n")
        program.signal(SIGHUP)
        #expect(await program.readUntil("the new configuration is refused, the old one stays"))
        #expect(try await get(url, token: "two").0 == 200)
        program.signal(SIGTERM)
        #expect(await program.waitUntilExit() == 0)
        #expect(program.output.contains("tokens.yaml:2"), "\(program.output)")
        withExtendedLifetime(server) {}
    }

    private func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, size) == 0 && getsockname(descriptor, address, &size) == 0
            }
        }
        try #require(isBound)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
