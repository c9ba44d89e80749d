import Foundation
import Model
import Settings
import Signatures

/// A folder that one agent lives in: Redis data, merged log, process ids.
struct Installation: Sendable {
    /// What stands in `agent.json`.
    struct Record: Codable {
        var pid: Int32
        var processes: [String: Supervisor.Running]
    }

    /// Absolute path.
    let folder: String

    init(folder: String) {
        self.folder = folder.hasPrefix("/") ? folder : FileManager.default.currentDirectoryPath + "/" + folder
    }

    var recordFile: String { "\(folder)/agent.json" }
    var redisFolder: String { "\(folder)/redis" }
    var logFile: String { "\(folder)/agent.log" }

    /// Socket of the private Redis; a path has at most 107 bytes.
    var redisSocket: String {
        let path = "\(folder)/redis.sock"
        guard path.utf8.count >= 108 else { return path }
        var hash = StableHash()
        hash.combine(folder)
        return "/tmp/sre-agent-\(getuid())-\(hash.base32).sock"
    }

    var redisURL: String { "unix://\(redisSocket)" }

    func record() -> Record? {
        FileManager.default.contents(atPath: recordFile).flatMap { try? JSONDecoder().decode(Record.self, from: $0) }
    }

    func write(_ record: Record) {
        try? JSONEncoder().encode(record).write(to: URL(fileURLWithPath: recordFile), options: .atomic)
    }

    func forget() { try? FileManager.default.removeItem(atPath: recordFile) }

    /// Makes the folders; ends what an agent that was killed has left running.
    ///
    /// - Throws: when another agent lives here.
    func prepare() throws {
        if let record = record() {
            if Self.isAlive(record.pid, "sre-agent") {
                throw AgentFailure("an agent runs in \(folder) (process \(record.pid)); 'sre-agent down' ends it")
            }
            for (name, process) in record.processes where Self.isAlive(process.pid, name) { kill(process.pid, SIGTERM) }
        }
        try FileManager.default.createDirectory(
            atPath: redisFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Whether a process lives and is the program that it was; process ids are used again.
    static func isAlive(_ pid: Int32, _ name: String) -> Bool {
        guard let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return false }
        return String(decoding: line, as: UTF8.self).contains(name)
    }

    /// The private Redis: append-only file on, no eviction, reachable through the socket alone.
    func redis() throws -> ProcessSpec {
        ProcessSpec(
            name: "redis-server", path: try Host.program("redis-server", package: "redis-server"),
            arguments: [
                "--port", "0", "--unixsocket", redisSocket, "--unixsocketperm", "700", "--dir", redisFolder,
                "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
                "--loglevel", "warning",
            ])
    }

    /// What the processes need and the configuration does not name: keys and a token of this installation's own.
    ///
    /// - Returns: environment variables that point to the files, and what a person has to know about new ones.
    func credentials(_ settings: Settings) throws -> (environment: [String: String], notes: [String]) {
        var environment: [String: String] = [:]
        var notes: [String] = []
        func key(_ name: String) throws -> (path: String, isNew: Bool) {
            let path = "\(folder)/\(name).key"
            guard !FileManager.default.fileExists(atPath: path) else { return (path, false) }
            try KeyFile.create(Ed25519Signer(), at: path, passphrase: "")
            return (path, true)
        }
        if settings.plannerKeyFile == nil {
            let (path, isNew) = try key("planner")
            environment["PLANNER_KEY_FILE"] = path
            if isNew {
                let publicKey = Data(try KeyFile.publicKey(at: path)).base64EncodedString()
                notes.append("made \(path); plans are carried out once the policy's 'planners' list \(publicKey)")
            }
        }
        if settings.gateway.tokensFile == nil {
            let file = "\(folder)/tokens.yaml"
            environment["GATEWAY_TOKENS_FILE"] = file
            if !FileManager.default.fileExists(atPath: file) {
                let token = (0..<32).map { _ in String(format: "%02x", UInt8.random(in: 0...255)) }.joined()
                let hash = SHA256Digest().sha256(Array(token.utf8))
                try Self.writePrivately(token + "\n", to: "\(folder)/operator.token")
                try Self.writePrivately(
                    "tokens:\n  - { subject: operator, role: operator, sha256: \(hash) }\n", to: file)
                notes.append(
                    "made \(folder)/operator.token; call the API with "
                        + "-H \"Authorization: Bearer $(cat \(folder)/operator.token)\"")
            }
        }
        return (environment, notes)
    }

    private static func writePrivately(_ text: String, to path: String) throws {
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw AgentFailure("\(path) cannot be written") }
    }

    /// The processes of the agent, in the order in which they are started.
    func agents(config: String, environment: [String: String], ports: [Int]) -> [ProcessSpec] {
        let names = ["sre-metrics-collector", "sre-analyzer", "sre-planner", "sre-executor", "sre-gateway"]
        return zip(names, ports).map { name, port in
            ProcessSpec(
                name: name, path: Host.product(name),
                arguments: ["--config", config, "--telemetry-port", "\(port)"],
                environment: environment.merging(["REDIS_URL": redisURL]) { $1 }, telemetryPort: port)
        }
    }
}
