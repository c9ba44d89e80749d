import Foundation
import RedisClient
import TestSupport
import Testing

@Suite struct RedisURLTests {
    @Test func readsAllForms() throws {
        let plain = try RedisConfiguration(url: "redis://host")
        #expect(plain.topology == .standalone(.tcp(host: "host", port: 6_379)))
        let full = try RedisConfiguration(url: "rediss://us%40er:p%3Aw@[::1]:7000/3?cacert=/ca.pem&insecure-host=true")
        #expect(full.topology == .standalone(.tcp(host: "::1", port: 7_000)))
        #expect(full.username == "us@er" && full.password == "p:w" && full.database == 3)
        #expect(full.tls?.caFile == "/ca.pem" && full.tls?.verifyHostname == false)
        let socket = try RedisConfiguration(url: "unix:///run/redis.sock?db=2")
        #expect(socket.topology == .standalone(.unix(path: "/run/redis.sock")) && socket.database == 2)
    }

    @Test(arguments: [
        "host:6379", "http://host", "redis://", "redis://host:0", "redis://host:99999", "redis://host/x",
        "redis://user@host", "redis://h?cacert=/x", "unix://relative", "redis://host?db", "redis://%zz:x@host",
        "redis://a,b", "redis+sentinel://a", "redis+sentinel://a/", "redis+sentinel://a/m/x", "redis+cluster://a/1",
        "redis+cluster://a,,b", "redis+cluster://a?db=1", "redis://a/1/2", "redis+sentinel://a/m/1/2",
    ])
    func namesWhatIsWrong(url: String) {
        #expect { try RedisConfiguration(url: url) } throws: { error in
            (error as? RedisError)?.code == .invalidURL && "\(error)".contains("valid are")
        }
    }

    @Test func readsGroupsOfServers() throws {
        let sentinel = try RedisConfiguration(
            url: "rediss+sentinel://me:pw@a,b:26380/main/2?sentinel-password=s3&cacert=/ca.pem")
        #expect(
            sentinel.topology
                == .sentinel(
                    master: "main", sentinels: [.tcp(host: "a", port: 26_379), .tcp(host: "b", port: 26_380)]))
        #expect(sentinel.database == 2 && sentinel.sentinelPassword == "s3" && sentinel.tls?.caFile == "/ca.pem")
        let cluster = try RedisConfiguration(url: "redis+cluster://a:7000,[::1]:7001")
        #expect(
            cluster.topology == .cluster(seeds: [.tcp(host: "a", port: 7_000), .tcp(host: "::1", port: 7_001)]))
        #expect(cluster.tls == nil)
    }

    @Test func passwordsAreNotShown() {
        let url = "redis+sentinel://u:secret@h/m?sentinel-password=secret&db=1"
        #expect(RedisConfiguration.redacted(url) == "redis+sentinel://u:***@h/m?sentinel-password=***&db=1")
        #expect(RedisConfiguration.redacted("redis://u:secret@h:1/0") == "redis://u:***@h:1/0")
        #expect { try RedisConfiguration(url: "redis://u:secret@h:x") } throws: { !"\($0)".contains("secret") }
    }
}

@Suite struct RedisCommandTests {
    @Test func keepsItsWords() throws {
        var command = RedisCommand("SET", "key", "", isIdempotent: true)
        command.append([0, 13, 10, 255])
        command.append(Int.max)
        command.append(String(repeating: "ü", count: 5_000))
        #expect(
            try command.words()
                == [
                    Array("SET".utf8), Array("key".utf8), [], [0, 13, 10, 255], Array("\(Int.max)".utf8),
                    Array(String(repeating: "ü", count: 5_000).utf8),
                ])
    }
}

@Suite(.timeLimit(.minutes(2))) struct RedisClientTests {
    @Test func repliesComeInOrderFromManyTasks() async throws {
        let server = try RedisServer()
        try await server.use { client, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<20 {
                    group.addTask {
                        let words = (0..<500).map { "\(task)-\($0)" }
                        let replies = try await client.pipeline(words.map { RedisCommand("ECHO", $0) })
                        #expect(replies.map(\.string) == words)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func repliesOfAllKinds() async throws {
        let server = try RedisServer()
        try await server.use { client, _ in
            let script = "return {1, 'bulk', {2, {3, {4, {5}}}}, false, redis.status_reply('OK')}"
            let value = try await client.send(RedisCommand("EVAL", script, "0"))
            let deep = RESPValue.array([
                .integer(2), .array([.integer(3), .array([.integer(4), .array([.integer(5)])])]),
            ])
            #expect(value == .array([.integer(1), .bulk(Array("bulk".utf8)), deep, .null, .simpleString("OK")]))
            #expect(try await client.send(RedisCommand("GET", "none")) == .null)
            let big = [UInt8](repeating: 7, count: 3_000_000)
            _ = try await client.send(RedisCommand("SET", arguments: [Array("big".utf8), big]))
            #expect(try await client.send(RedisCommand("GET", "big")).bytes == big)
            await #expect(throws: RedisError.self) { try await client.send(RedisCommand("NOSUCH")) }
            let mixed = try await client.pipeline([RedisCommand("NOSUCH"), RedisCommand("PING")])
            #expect(mixed[1] == .simpleString("PONG"))
            guard case .error(let error) = mixed[0] else { Issue.record(); return }
            #expect(error.code == "ERR")
        }
    }

    @Test func wrongPasswordsAreRefusedWithTheReason() async throws {
        let server = try RedisServer(["--appendonly", "yes", "--requirepass", "right"])
        var configuration = try RedisConfiguration(url: server.url)
        configuration.password = "wrong"
        let client = RedisClient(configuration: configuration, logger: RedisServer.quiet)
        let running = Task { await client.run() }
        defer { running.cancel() }
        var reason = ""
        while !reason.contains("WRONGPASS") {
            do {
                _ = try await client.send(RedisCommand("PING"), deadline: .milliseconds(300))
                Issue.record("a wrong password was accepted")
                return
            } catch {
                reason = "\(error)"
            }
        }
        #expect(!reason.contains("wrong"))
        configuration.password = "right"
        let good = RedisClient(configuration: configuration, logger: RedisServer.quiet)
        let alive = Task { await good.run() }
        defer { alive.cancel() }
        #expect(try await good.send(RedisCommand("PING")) == .simpleString("PONG"))
    }

    @Test func aDeadlineClosesTheConnectionAndTheNextOneWorks() async throws {
        let server = try RedisServer()
        try await server.use { client, _ in
            _ = try await client.send(RedisCommand("PING"))
            server.signal(SIGSTOP)
            await #expect {
                try await client.send(RedisCommand("PING"), deadline: .milliseconds(100))
            } throws: { ($0 as? RedisError)?.code == .timeout && ($0 as? RedisError)?.outcomeUnknown == true }
            server.signal(SIGCONT)
            #expect(try await client.send(RedisCommand("PING")) == .simpleString("PONG"))
        }
    }

    @Test func aCancelledCallerLeavesNoReplyBehind() async throws {
        let server = try RedisServer()
        try await server.use { client, _ in
            for number in 0..<50 {
                let cancelled = Task { try await client.send(RedisCommand("ECHO", "abandoned")) }
                cancelled.cancel()
                _ = await cancelled.result
                let reply = try await client.send(RedisCommand("ECHO", "\(number)"))
                #expect(reply.string == "\(number)")
            }
        }
    }

    @Test func blockingDoesNotDelayOthersAndCanBeCancelled() async throws {
        let server = try RedisServer()
        try await server.use { client, _ in
            let blocked = Task {
                try await client.blocking(
                    RedisCommand("XREAD", "BLOCK", "60000", "STREAMS", "s", "$"), timeout: .seconds(60))
            }
            let pong = try await client.send(RedisCommand("PING"))
            #expect(pong == .simpleString("PONG"))
            blocked.cancel()
            await #expect(throws: RedisError.self) { try await blocked.value }
        }
    }

    @Test func speaksTLSAndRefusesAnotherAuthority() async throws {
        let certificates = try Certificates()
        let port = Int.random(in: 20_000...29_999)
        let server = try RedisServer([
            "--appendonly", "yes", "--tls-port", "\(port)", "--tls-cert-file", certificates.certificate,
            "--tls-key-file", certificates.key, "--tls-ca-cert-file", certificates.authority, "--tls-auth-clients",
            "no",
        ])
        defer { withExtendedLifetime(server) {} }
        let good = try RedisConfiguration(url: "rediss://localhost:\(port)?cacert=\(certificates.authority)")
        let client = RedisClient(configuration: good, logger: RedisServer.quiet)
        let running = Task { await client.run() }
        defer { running.cancel() }
        #expect(try await client.send(RedisCommand("PING")) == .simpleString("PONG"))
        let bad = RedisClient(
            configuration: try RedisConfiguration(url: "rediss://localhost:\(port)?cacert=\(certificates.other)"),
            logger: RedisServer.quiet)
        let refused = Task { await bad.run() }
        defer { refused.cancel() }
        await #expect(throws: RedisError.self) { try await bad.send(RedisCommand("PING"), deadline: .seconds(1)) }
    }
}

/// A throw-away authority with a certificate for localhost, and another authority.
private struct Certificates {
    let authority: String
    let certificate: String
    let key: String
    let other: String

    init() throws {
        let folder = NSTemporaryDirectory() + "tls-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func run(_ arguments: String) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
            process.arguments = arguments.split(separator: " ").map(String.init)
            process.currentDirectoryURL = URL(fileURLWithPath: folder)
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
        }
        for name in ["ca", "other"] {
            try run("req -x509 -newkey rsa:2048 -nodes -keyout \(name).key -out \(name).pem -days 2 -subj /CN=\(name)")
        }
        try run("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost")
        try "subjectAltName=DNS:localhost".write(toFile: "\(folder)/san", atomically: true, encoding: .utf8)
        try run(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile san")
        authority = "\(folder)/ca.pem"
        certificate = "\(folder)/server.pem"
        key = "\(folder)/server.key"
        other = "\(folder)/other.pem"
    }
}
