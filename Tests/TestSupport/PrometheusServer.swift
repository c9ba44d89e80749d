import Foundation
import Testing

/// A private Prometheus on a port of its own, with a past that the test writes.
package final class PrometheusServer: Sendable {
    private let folder: String
    private let process: Process
    /// Address, such as `http://127.0.0.1:40123`.
    package let url: String

    /// Starts a server and waits until it serves queries.
    ///
    /// - Parameters:
    ///   - openMetrics: history in the OpenMetrics text format, with `# EOF`; written by promtool.
    ///   - target: `host:port` to scrape four times a second.
    ///   - rules: a file of alerting rules.
    ///   - users: names with the bcrypt hashes of their passwords; `nil` lets everybody in.
    package init(
        openMetrics: String? = nil, scraping target: String? = nil, rules: String? = nil, users: [String: String]? = nil
    ) throws {
        folder = NSTemporaryDirectory() + "prometheus-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let jobs = target.map { "scrape_configs: [{ job_name: node, static_configs: [{ targets: [\"\($0)\"] }] }]\n" }
        if let rules { try rules.write(toFile: "\(folder)/rules.yml", atomically: true, encoding: .utf8) }
        let files = rules == nil ? "" : "rule_files: [rules.yml]\n"
        try ("global: { scrape_interval: 250ms, scrape_timeout: 250ms }\n" + files + (jobs ?? ""))
            .write(toFile: "\(folder)/prometheus.yml", atomically: true, encoding: .utf8)
        if let openMetrics {
            try openMetrics.write(toFile: "\(folder)/history.om", atomically: true, encoding: .utf8)
            let promtool = Process()
            promtool.executableURL = URL(fileURLWithPath: "/usr/bin/promtool")
            promtool.arguments = [
                "tsdb", "create-blocks-from", "openmetrics", "\(folder)/history.om", "\(folder)/data",
            ]
            promtool.standardOutput = FileHandle.nullDevice
            promtool.standardError = FileHandle.nullDevice
            try promtool.run()
            promtool.waitUntilExit()
            guard promtool.terminationStatus == 0 else { throw CocoaError(.fileReadCorruptFile) }
        }
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/prometheus")
        process.arguments = [
            "--config.file=\(folder)/prometheus.yml", "--storage.tsdb.path=\(folder)/data",
            "--storage.tsdb.retention.time=10y", "--web.listen-address=127.0.0.1:0",
        ]
        if let users {
            let lines = users.map { "  \($0.key): \"\($0.value)\"\n" }
            try ("basic_auth_users:\n" + lines.joined())
                .write(toFile: "\(folder)/web.yml", atomically: true, encoding: .utf8)
            process.arguments?.append("--web.config.file=\(folder)/web.yml")
        }
        let output = Pipe()
        process.standardError = output
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        var log = ""
        let marker = "\"Listening on\" address="
        while !log.contains("ready to receive web requests") || !log.contains(marker) {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw CocoaError(.executableLoad) }
            log += String(decoding: more, as: UTF8.self)
        }
        let address = try #require(log.firstRange(of: marker)).upperBound
        url = "http://" + log[address...].prefix { !$0.isWhitespace }
        // Nobody reads the pipe from here on; a full pipe would stop the server.
        output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }
}
