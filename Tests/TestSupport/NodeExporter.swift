import Foundation

/// A private node exporter of this machine on a port of its own.
package final class NodeExporter: Sendable {
    private let process: Process
    /// `host:port` of its `/metrics`.
    package let address: String

    /// Starts an exporter and waits until it listens.
    package init() throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/prometheus-node-exporter")
        process.arguments = ["--web.listen-address=127.0.0.1:0"]
        let output = Pipe()
        process.standardError = output
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        var log = ""
        let marker = "\"Listening on\" address="
        while true {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw CocoaError(.executableLoad) }
            log += String(decoding: more, as: UTF8.self)
            guard let found = log.firstRange(of: marker), let end = log[found.upperBound...].firstIndex(of: "\n") else {
                continue
            }
            address = log[found.upperBound..<end].prefix { !$0.isWhitespace }.description
            break
        }
        // Nobody reads the pipe from here on; a full pipe would stop the exporter.
        output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
