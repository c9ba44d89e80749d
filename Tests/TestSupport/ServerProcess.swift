import Foundation
import Synchronization

/// A server of a test: started in a folder of its own, stopped, paused and killed by signals, gone with its owner.
package final class ServerProcess: Sendable {
    private let path: String
    private let arguments: [String]
    /// Text in its output that says that it serves.
    private let readyMark: String
    private let environment: [String: String]
    private let process = Mutex<Process?>(nil)

    /// Starts a server and waits until it says that it serves.
    ///
    /// - Parameter environment: added to that of this process.
    package init(
        _ path: String, _ arguments: [String], readyMark: String, environment: [String: String] = [:]
    ) throws {
        self.path = path
        self.arguments = arguments
        self.readyMark = readyMark
        self.environment = environment
        try start()
    }

    /// Starts it again after it ended.
    package func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        var log = ""
        while !log.contains(readyMark) {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw ServerFailure("\(path) \(arguments.joined(separator: " ")): \(log)") }
            log += String(decoding: more, as: UTF8.self)
        }
        // Nobody reads the pipe from here on; a full pipe would stop the server.
        output.fileHandleForReading.readabilityHandler = { handle in
            if handle.availableData.isEmpty { handle.readabilityHandler = nil }
        }
        self.process.withLock { $0 = process }
    }

    /// Sends a signal.
    package func signal(_ number: Int32) {
        process.withLock { process in
            if let process, process.isRunning { _ = kill(process.processIdentifier, number) }
        }
    }

    /// Ends it at once and waits until it is gone.
    package func end() {
        let running = process.withLock { process in
            defer { process = nil }
            return process
        }
        guard let running else { return }
        kill(running.processIdentifier, SIGKILL)
        kill(running.processIdentifier, SIGCONT)
        running.waitUntilExit()
    }

    deinit { end() }
}

/// A server did not start, or a set-up failed.
package struct ServerFailure: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Ports and programs of this machine.
package enum TestHost {
    /// TCP ports on the loopback interface that are free now, below the range that the system hands out itself.
    package static func freePorts(_ count: Int) -> [Int] {
        var ports: Set<Int> = []
        while ports.count < count {
            let port = Int.random(in: 20_000..<30_000)
            if isFree(port), isFree(port + 10_000) { ports.insert(port) }
        }
        return ports.sorted()
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    /// A new folder below the temporary one.
    package static func folder(_ name: String) throws -> String {
        let folder = NSTemporaryDirectory() + "\(name)-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Runs a program to its end and returns its output.
    @discardableResult
    package static func run(
        _ path: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ServerFailure("\(path) \(arguments.joined(separator: " ")): \(text)")
        }
        return text
    }

    /// The same without keeping a thread: on a small machine a test that blocks one keeps others from meeting deadlines.
    package static func output(
        of path: String, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try run(path, arguments, environment: environment) })
            }
        }
    }
}
