import Foundation
import Synchronization

/// The running shop: counters that grow with time, faults that survive nothing but a state file.
final class Shop: Sendable {
    /// What outlives a restart of the process.
    struct State: Codable {
        var faults = ShopModel.Faults()
        var counters: ShopModel.Counters
        var restarts = 0
        var lastOperation = ""

        /// Reads a state file; `nil` when there is none.
        static func read(_ file: String?) -> State? {
            file.flatMap { FileManager.default.contents(atPath: $0) }
                .flatMap { try? JSONDecoder().decode(State.self, from: $0) }
        }

        /// Writes a state file.
        func write(_ file: String) throws {
            try JSONEncoder().encode(self).write(to: URL(fileURLWithPath: file), options: .atomic)
        }
    }

    private let model: ShopModel
    private let file: String?
    private let state: Mutex<State>

    init(model: ShopModel, file: String?, now: Double) {
        self.model = model
        self.file = file
        state = Mutex(State.read(file) ?? State(counters: .init(time: now)))
    }

    private func advance(_ state: inout State, to now: Double) {
        model.advance(&state.counters, to: now, state.faults)
    }

    private func save(_ state: State) {
        guard let file else { return }
        try? state.write(file)
    }

    /// Breaks or mends something.
    func set(_ faults: ShopModel.Faults, now: Double) {
        state.withLock { state in
            advance(&state, to: now)
            state.faults = faults
            save(state)
        }
    }

    /// Starts afresh: a leak begins again from nothing, and is gone.
    ///
    /// Repeating an operation changes nothing.
    ///
    /// - Returns: whether this call did it.
    func restart(operation: String, now: Double) -> Bool {
        state.withLock { state in
            advance(&state, to: now)
            guard operation.isEmpty || operation != state.lastOperation else { return false }
            state.faults.leakSince = nil
            state.restarts += 1
            state.lastOperation = operation
            save(state)
            return true
        }
    }

    /// Id of the last restart's operation.
    var lastOperation: String { state.withLock(\.lastOperation) }

    /// Metrics in text exposition format.
    func exposition(now: Double) -> String {
        state.withLock { state in
            advance(&state, to: now)
            return Self.families.map { name, type, help in
                "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            }.joined()
                + """
                shop_requests_total{service="shop"} \(state.counters.requests)
                shop_request_errors_total{service="shop"} \(state.counters.errors)
                shop_request_duration_seconds_sum{service="shop"} \(state.counters.latencySum)
                shop_request_duration_seconds_count{service="shop"} \(state.counters.requests)
                shop_memory_bytes{service="shop"} \(model.memory(at: now, state.faults))
                shop_memory_limit_bytes{service="shop"} \(ShopModel.memoryLimit)
                shop_cpu_seconds_total{service="shop"} \(state.counters.cpuSeconds)
                shop_restarts_total{service="shop"} \(state.restarts)

                """
        }
    }

    private static let families = [
        ("shop_requests_total", "counter", "Requests served."),
        ("shop_request_errors_total", "counter", "Requests that failed."),
        ("shop_request_duration_seconds_sum", "counter", "Seconds spent on requests."),
        ("shop_request_duration_seconds_count", "counter", "Requests measured."),
        ("shop_memory_bytes", "gauge", "Memory in use."),
        ("shop_memory_limit_bytes", "gauge", "Memory limit."),
        ("shop_cpu_seconds_total", "counter", "CPU time."),
        ("shop_restarts_total", "counter", "Restarts."),
    ]
}
