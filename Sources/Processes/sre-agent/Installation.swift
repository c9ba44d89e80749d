import Foundation

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
        return path.utf8.count < 108 ? path : "/tmp/sre-agent-\(getuid())-\(abs(folder.hashValue)).sock"
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
