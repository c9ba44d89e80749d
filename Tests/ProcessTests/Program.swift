import Foundation
import Synchronization

/// One of the product's programs, run as a process of its own.
///
/// No thread waits for it: on a small machine a test that blocks one keeps many others from going on.
final class Program {
    /// Root of the package.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private let process = Process()
    private let pipe = Pipe()
    private var chunks: AsyncStream<Data>.Iterator
    private var ends: AsyncStream<Int32>.Iterator
    /// Everything it has written so far.
    private(set) var output = ""

    init(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        let (chunks, chunk) = AsyncStream.makeStream(of: Data.self)
        let (ends, end) = AsyncStream.makeStream(of: Int32.self)
        self.chunks = chunks.makeAsyncIterator()
        self.ends = ends.makeAsyncIterator()
        process.executableURL = URL(fileURLWithPath: Self.root + "/.build/debug/\(name)")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        let outlet = Outlet(pipe.fileHandleForReading, chunk)
        pipe.fileHandleForReading.readabilityHandler = { _ in outlet.pump(isOver: false) }
        process.terminationHandler = { process in
            outlet.pump(isOver: true)
            end.yield(process.terminationStatus)
            end.finish()
        }
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// Waits for more output.
    ///
    /// - Returns: `false` when the program has ended.
    func readMore() async -> Bool {
        guard let more = await chunks.next(isolation: #isolation) else { return false }
        output += String(decoding: more, as: UTF8.self)
        return true
    }

    /// Waits until the output contains a text.
    ///
    /// - Returns: `false` when the program ended before.
    func readUntil(_ text: String) async -> Bool {
        while !output.contains(text) { if await !readMore() { return false } }
        return true
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Reads to the end of the output.
    ///
    /// - Returns: the exit code; `nil` when the test was cancelled before.
    func waitUntilExit() async -> Int32? {
        while await readMore() {}
        return await ends.next(isolation: #isolation)
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

/// The reading end of a program's output, which is over when the program is: another process may have inherited the
/// writing end and hold it open for longer.
private final class Outlet: Sendable {
    private let handle: FileHandle
    private let chunks: AsyncStream<Data>.Continuation
    private let isClosed = Mutex(false)

    init(_ handle: FileHandle, _ chunks: AsyncStream<Data>.Continuation) {
        self.handle = handle
        self.chunks = chunks
        _ = fcntl(handle.fileDescriptor, F_SETFL, O_NONBLOCK)
    }

    /// Hands on what there is.
    func pump(isOver: Bool) {
        isClosed.withLock { isClosed in
            guard !isClosed else { return }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = read(handle.fileDescriptor, &buffer, buffer.count)
                if count > 0 {
                    chunks.yield(Data(buffer.prefix(count)))
                } else if count == 0 || isOver {
                    isClosed = true
                    handle.readabilityHandler = nil
                    return chunks.finish()
                } else {
                    return
                }
            }
        }
    }
}
