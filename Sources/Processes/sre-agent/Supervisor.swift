import Bus
import Foundation
import Runtime
import Subprocess
import Synchronization
import SystemPackage

/// A program to keep running.
struct ProcessSpec: Sendable {
    var name: String
    var path: String
    var arguments: [String]
    var environment: [String: String] = [:]
    /// Port of `/readyz`; 0 for none.
    var telemetryPort = 0
}

/// Keeps programs running: starts what dies again with back-off, merges their output, stops them in order.
final class Supervisor: Sendable {
    /// What runs now.
    struct Running: Codable, Sendable {
        var pid: Int32
        var telemetryPort: Int
        var starts: Int
    }

    private let processes = Mutex<[String: Running]>([:])
    private let write: @Sendable (_ process: String, _ line: String) -> Void
    private let changed: @Sendable ([String: Running]) -> Void

    /// - Parameters:
    ///   - write: takes one line of output.
    ///   - changed: called whenever a process started.
    init(
        write: @escaping @Sendable (_ process: String, _ line: String) -> Void,
        changed: @escaping @Sendable ([String: Running]) -> Void = { _ in }
    ) {
        self.write = write
        self.changed = changed
    }

    /// Keeps a program running until the task is cancelled, then ends it: SIGTERM, and SIGKILL after 25 seconds.
    ///
    /// Returns when the program has ended and its last line is written.
    func keep(_ spec: ProcessSpec) async {
        var backoff = Backoff(initial: .milliseconds(300), maximum: .seconds(15))
        while !Task.isCancelled {
            let begun = ContinuousClock.now
            let ending = await run(spec)
            if Task.isCancelled { return }
            if begun.duration(to: .now) > .seconds(30) { backoff.reset() }
            // A refused configuration does not mend itself within a moment.
            let delay = ending.isRefusal ? backoff.maximum : backoff.next(random: .random(in: 0..<1))
            write(spec.name, "\(ending.text); starting it again in \(Int(delay / .milliseconds(1))) ms")
            try? await ContinuousClock().sleep(for: delay)
        }
    }

    /// How a run of a program ended.
    private struct End: Sendable {
        var text: String
        /// The program refused its configuration.
        var isRefusal = false
    }

    private func run(_ spec: ProcessSpec) async -> End {
        let ending = Ending(patience: .seconds(25))
        // A task of its own: cancelling would cut the output off, and what a program says at its end matters most.
        let program = Task { await execute(spec, ending) }
        return await withTaskCancellationHandler {
            await program.value
        } onCancel: {
            ending.begin()
        }
    }

    private func execute(_ spec: ProcessSpec, _ ending: Ending) async -> End {
        let inherited = ProcessInfo.processInfo.environment.merging(spec.environment) { $1 }
        let environment = Dictionary(
            uniqueKeysWithValues: inherited.compactMap { name, value in
                Environment.Key(rawValue: name).map { ($0, value) }
            })
        var options = PlatformOptions()
        // A terminal's Ctrl-C reaches this program alone, which then ends the others in order.
        options.processGroupID = 0
        do {
            let result = try await Subprocess.run(
                .path(FilePath(spec.path)), arguments: .init(spec.arguments), environment: .custom(environment),
                platformOptions: options, input: .none, output: .sequence, error: .combinedWithOutput
            ) { execution in
                let pid = execution.processIdentifier.value
                ending.started(pid)
                started(spec, pid)
                for try await line in execution.standardOutput.strings() { write(spec.name, line) }
            }
            ending.ended()
            return End(
                text: "ended with \(result.terminationStatus)",
                isRefusal: result.terminationStatus == .exited(ProcessRunner.badConfiguration))
        } catch {
            ending.ended()
            return End(text: "could not be run: \(error)")
        }
    }

    private func started(_ spec: ProcessSpec, _ pid: Int32) {
        let all = processes.withLock { processes in
            let starts = (processes[spec.name]?.starts ?? 0) + 1
            processes[spec.name] = Running(pid: pid, telemetryPort: spec.telemetryPort, starts: starts)
            return processes
        }
        changed(all)
    }

    /// Process id of a program, when it was started.
    func pid(of name: String) -> Int32? { processes.withLock { $0[name]?.pid } }
}

/// Ends one run of a program: SIGTERM, and SIGKILL when its patience is over.
private final class Ending: Sendable {
    private struct State {
        var pid: Int32?
        var hasBegun = false
        var watchdog: Task<Void, Never>?
    }

    private let state = Mutex(State())
    private let patience: Duration

    init(patience: Duration) { self.patience = patience }

    func started(_ pid: Int32) {
        let isLate = state.withLock { state in
            state.pid = pid
            return state.hasBegun
        }
        if isLate { signal(pid) }
    }

    func begin() {
        let pid = state.withLock { state in
            state.hasBegun = true
            return state.pid
        }
        if let pid { signal(pid) }
    }

    func ended() {
        state.withLock { state in
            state.pid = nil
            state.watchdog?.cancel()
        }
    }

    private func signal(_ pid: Int32) {
        kill(pid, SIGTERM)
        let watchdog = Task { [weak self, patience] in
            guard (try? await ContinuousClock().sleep(for: patience)) != nil else { return }
            self?.state.withLock { state in if let pid = state.pid { _ = kill(pid, SIGKILL) } }
        }
        state.withLock { $0.watchdog = watchdog }
    }
}

/// Finds programs and ports.
enum Host {
    /// Path of a program of this product, which lies beside the running one.
    static func product(_ name: String) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return (own as NSString).deletingLastPathComponent + "/" + name
    }

    /// Path of an installed program.
    static func program(_ name: String, package: String) throws -> String {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for folder in folders + ["/usr/bin", "/usr/local/bin", "/usr/sbin"] {
            let path = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw AgentFailure("the program '\(name)' is not installed; on Debian: apt-get install \(package)")
    }

    /// A TCP port on the loopback interface that is free now.
    static func freePort() throws -> Int {
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
        guard isBound else { throw AgentFailure("no free port on the loopback interface") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// Ends the command with a message on standard error.
struct AgentFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
