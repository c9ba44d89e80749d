import ArgumentParser
import Foundation

/// Writes the past of the shop in OpenMetrics format, for `promtool tsdb create-blocks-from openmetrics`.
struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Write the past of the shop in OpenMetrics format.")

    @Option(help: "Days before now.")
    var days = 7.0

    @Option(help: "Seconds between two samples.")
    var step = 60.0

    @Option(help: "Value of the label 'job'.")
    var job = "shop"

    @Option(help: "Value of the label 'instance'.")
    var instance = "127.0.0.1:8080"

    @Option(help: "State file to write, from which 'serve' goes on counting.")
    var state: String?

    @Argument(help: "File to write.")
    var file: String

    func run() throws {
        guard days > 0, days <= 90, step >= 1 else { throw ValidationError("days must be in (0,90], step at least 1") }
        let model = ShopModel()
        // The last minutes are as dense as live scrapes, so that rates over them see no seam.
        let end = Date().timeIntervalSince1970.rounded(.down)
        let dense = end - 600
        let times =
            Array(stride(from: end - days * 86_400, to: dense, by: step))
            + Array(stride(from: dense, through: end, by: min(step, 2)))
        let labels = "{instance=\"\(instance)\",job=\"\(job)\",service=\"shop\"}"
        let faults = ShopModel.Faults()
        var counters = ShopModel.Counters(time: end - days * 86_400 - step)
        var lines: [(name: String, type: String, rows: [String])] = [
            ("shop_requests", "counter", []), ("shop_request_errors", "counter", []),
            ("shop_request_duration_seconds_sum", "gauge", []), ("shop_request_duration_seconds_count", "gauge", []),
            ("shop_memory_bytes", "gauge", []), ("shop_memory_limit_bytes", "gauge", []),
            ("shop_cpu_seconds", "counter", []), ("shop_restarts", "counter", []),
        ]
        for time in times {
            model.advance(&counters, to: time, faults)
            let values = [
                counters.requests, counters.errors, counters.latencySum, counters.requests,
                model.memory(at: time, faults), ShopModel.memoryLimit, counters.cpuSeconds, 0,
            ]
            for index in lines.indices {
                let suffix = lines[index].type == "counter" ? "_total" : ""
                lines[index].rows.append("\(lines[index].name)\(suffix)\(labels) \(values[index]) \(Int64(time))")
            }
        }
        var text = ""
        for family in lines {
            text += "# TYPE \(family.name) \(family.type)\n" + family.rows.joined(separator: "\n") + "\n"
        }
        text += "# EOF\n"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        if let state { try Shop.State(counters: counters).write(state) }
    }
}
