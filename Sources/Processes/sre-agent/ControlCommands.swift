import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Ends the agent of a folder.
struct DownCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "End the agent and wait until everything has stopped.")

    @OptionGroup var options: InstallationOptions

    func run() async throws {
        let installation = options.installation
        guard let record = installation.record(), Installation.isAlive(record.pid, "sre-agent") else {
            throw AgentFailure("no agent runs in \(installation.folder)")
        }
        kill(record.pid, SIGTERM)
        let deadline = ContinuousClock.now + .seconds(60)
        while Installation.isAlive(record.pid, "sre-agent") {
            guard ContinuousClock.now < deadline else {
                throw AgentFailure("the agent (process \(record.pid)) does not end; look at \(installation.logFile)")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        print("stopped")
    }
}

/// Shows what runs.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show every process, whether it lives and whether it is ready.")

    @OptionGroup var options: InstallationOptions

    @Flag(help: "Print JSON.")
    var json = false

    private struct Row: Encodable {
        var process: String
        var pid: Int32
        var alive: Bool
        var ready: Bool?
        var starts: Int
        var problem: String?
    }

    func run() async throws {
        let installation = options.installation
        guard let record = installation.record() else {
            throw AgentFailure("no agent runs in \(installation.folder); 'sre-agent up' starts one")
        }
        var rows: [Row] = []
        for (name, process) in record.processes.sorted(by: { $0.key < $1.key }) {
            let isAlive = Installation.isAlive(process.pid, name)
            var row = Row(
                process: name, pid: process.pid, alive: isAlive, ready: nil, starts: process.starts, problem: nil)
            if process.telemetryPort != 0, isAlive {
                let (ready, text) = await readiness(process.telemetryPort)
                row.ready = ready
                row.problem = ready ? nil : text
            }
            rows.append(row)
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(rows), as: UTF8.self))
        } else {
            for row in rows {
                let state = !row.alive ? "dead" : row.ready == false ? "not ready" : "running"
                let name = row.process.padding(toLength: 24, withPad: " ", startingAt: 0)
                let starts = row.starts > 1 ? "  started \(row.starts) times" : ""
                print("\(name)\(state)  pid \(row.pid)\(starts)\(row.problem.map { "  \($0)" } ?? "")")
            }
        }
        guard rows.allSatisfy({ $0.alive && $0.ready != false }) else { throw ExitCode(1) }
    }

    private func readiness(_ port: Int) async -> (Bool, String) {
        do {
            let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/readyz")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(3))
            let body = try await response.body.collect(upTo: 1 << 16)
            let text = String(buffer: body).split(whereSeparator: \.isNewline).joined(separator: "; ")
            return (response.status == .ok, text)
        } catch {
            return (false, "/readyz does not answer")
        }
    }
}
