import Foundation

/// One of the product's programs, run as a process of its own.
final class Program {
    /// Root of the package.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private let process = Process()
    private let pipe = Pipe()
    /// Everything it has written so far.
    private(set) var output = ""

    init(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        process.executableURL = URL(fileURLWithPath: Self.root + "/.build/debug/\(name)")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// Waits for more output.
    ///
    /// - Returns: `false` when the program has ended.
    func readMore() -> Bool {
        let more = pipe.fileHandleForReading.availableData
        output += String(decoding: more, as: UTF8.self)
        return !more.isEmpty
    }

    /// Waits until the output contains a text.
    ///
    /// - Returns: `false` when the program ended before.
    func readUntil(_ text: String) -> Bool {
        while !output.contains(text) { if !readMore() { return false } }
        return true
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Reads to the end of the output.
    ///
    /// - Returns: the exit code.
    func waitUntilExit() -> Int32 {
        while readMore() {}
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Command lines of all processes of this machine that contain a text.
    static func running(with text: String) -> [String] {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.filter { Int($0) != nil }.compactMap { pid in
            FileManager.default.contents(atPath: "/proc/\(pid)/cmdline").map {
                String(decoding: $0, as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
            }
        }.filter { $0.contains(text) }
    }
}
