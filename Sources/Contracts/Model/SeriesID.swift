/// Identity of one time series: metric name and labels.
package struct SeriesID: Sendable, Hashable, Comparable {
    /// Metric name from the metrics map.
    package var metric: String
    /// Labels as the source returned them, without `__name__`.
    package var labels: [String: String]

    package init(metric: String, labels: [String: String] = [:]) {
        self.metric = metric
        self.labels = labels
    }

    package static func < (lhs: SeriesID, rhs: SeriesID) -> Bool { lhs.description < rhs.description }
}

extension SeriesID: CustomStringConvertible {
    /// Prometheus notation with sorted labels: `metric{a="1",b="2"}`.
    package var description: String {
        guard !labels.isEmpty else { return metric }
        let pairs = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }
        return metric + "{" + pairs.joined(separator: ",") + "}"
    }

    private static func escaped(_ value: String) -> String {
        guard value.contains(where: { $0 == "\"" || $0 == "\\" || $0.isNewline }) else { return value }
        return value.reduce(into: "") { result, character in
            switch character {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
    }
}
