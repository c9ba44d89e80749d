import Synchronization

/// Counters and gauges of a process, written in Prometheus' text format.
///
/// Labels must have few values: no plan ids, no pod names.
package final class MetricsRegistry: Sendable {
    private enum Kind: String {
        case counter, gauge
    }

    private struct Family {
        var kind: Kind
        var help: String
        var values: [[String: String]: Double] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    package init() {}

    /// Adds to a counter; its name ends with `_total`.
    package func count(_ name: String, _ labels: [String: String] = [:], by amount: Double = 1, help: String) {
        families.withLock {
            $0[name, default: Family(kind: .counter, help: help)].values[labels, default: 0] += amount
        }
    }

    /// Sets a gauge.
    package func set(_ name: String, _ labels: [String: String] = [:], to value: Double, help: String) {
        families.withLock { $0[name, default: Family(kind: .gauge, help: help)].values[labels] = value }
    }

    /// Value of a counter or gauge; `nil` when it was never written.
    package func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        families.withLock { $0[name]?.values[labels] }
    }

    /// Everything in text exposition format 0.0.4, sorted by name.
    package var exposition: String {
        families.withLock { families in
            families.sorted { $0.key < $1.key }.map { name, family in
                let lines = family.values.map { labels, value in "\(name)\(Self.text(labels)) \(Self.text(value))" }
                return "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind.rawValue)\n"
                    + lines.sorted().joined(separator: "\n") + "\n"
            }.joined()
        }
    }

    private static func text(_ labels: [String: String]) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = labels.sorted { $0.key < $1.key }.map { name, value in
            let escaped = value.reduce(into: "") { result, character in
                switch character {
                case "\\": result += "\\\\"
                case "\"": result += "\\\""
                case "\n": result += "\\n"
                default: result.append(character)
                }
            }
            return "\(name)=\"\(escaped)\""
        }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private static func text(_ value: Double) -> String {
        if value == .infinity { return "+Inf" }
        if value == -.infinity { return "-Inf" }
        return value.isNaN ? "NaN" : value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}
