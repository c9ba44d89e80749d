import ArgumentParser
import Foundation
import Runtime
import ServiceLifecycle
import Synchronization
import UnixSignals

/// Options of commands that work on an installation.
struct InstallationOptions: ParsableArguments {
    @Option(help: "Folder of the agent's data.")
    var data = ".run/agent"

    var installation: Installation { Installation(folder: data) }
}

/// Starts a private Redis and every process, and keeps them running.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Start a private Redis and every process, and keep them running.")

    @OptionGroup var options: InstallationOptions

    @Option(name: .shortAndLong, help: "Configuration file.")
    var config = "config/config.yaml"

    @Option(help: "First of five ports for /metrics and /readyz.")
    var telemetryPort = 9_464

    func run() async throws {
        let installation = options.installation
        try installation.prepare()
        guard FileManager.default.createFile(atPath: installation.logFile, contents: nil) else {
            throw AgentFailure("\(installation.logFile) cannot be written")
        }
        let log = MergedLog(file: installation.logFile, isShown: true)
        let (credentials, notes) = try installation.credentials(LoadedConfiguration(file: config).settings)
        for note in notes { log.write("sre-agent", note) }
        let agent = try LocalAgent(
            installation: installation, config: config, environment: credentials,
            ports: (0..<5).map { telemetryPort + $0 }, log: log)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await agent.run() }
            group.addTask { for await _ in signals { return } }
            await group.next()
            group.cancelAll()
        }
        installation.forget()
    }
}

/// Writes the output of all processes into one file, and to standard output.
final class MergedLog: Sendable {
    private let handle: Mutex<FileHandle?>
    private let isShown: Bool

    init(file: String, isShown: Bool) {
        let opened = FileHandle(forWritingAtPath: file)
        _ = try? opened?.seekToEnd()
        self.handle = Mutex(opened)
        self.isShown = isShown
    }

    func write(_ process: String, _ line: String) {
        let text = "\(process.padding(toLength: 22, withPad: " ", startingAt: 0)) \(line)\n"
        handle.withLock { try? $0?.write(contentsOf: Data(text.utf8)) }
        if isShown { FileHandle.standardOutput.write(Data(text.utf8)) }
    }
}

/// The processes of one installation.
struct LocalAgent: Sendable {
    private let installation: Installation
    private let redis: ProcessSpec
    private let agents: [ProcessSpec]
    private let supervisor: Supervisor

    init(
        installation: Installation, config: String, environment: [String: String], ports: [Int], log: MergedLog
    ) throws {
        self.installation = installation
        self.redis = try installation.redis()
        self.agents = installation.agents(config: config, environment: environment, ports: ports)
        self.supervisor = Supervisor(write: { log.write($0, $1) }) { processes in
            installation.write(.init(pid: getpid(), processes: processes))
        }
    }

    /// Runs until the task is cancelled; the agents end before Redis does.
    func run() async {
        let redis = Task { await supervisor.keep(self.redis) }
        await withDiscardingTaskGroup { group in
            for spec in agents { group.addTask { await supervisor.keep(spec) } }
        }
        redis.cancel()
        await redis.value
    }

    /// Process id of a process.
    func pid(of name: String) -> Int32? { supervisor.pid(of: name) }
}
