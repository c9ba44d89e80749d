import Model
import Perception
import TimeSeries

/// The metrics map: `metrics.yaml`.
package enum MetricsMap {
    /// Reads the map.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    package static func read(_ document: YAMLDocument) throws(SettingsError) -> [MetricDefinition] {
        try document.root.allow(["metrics"])
        var metrics: [MetricDefinition] = []
        for value in try document.root.required("metrics").list() {
            let metric = try metric(value)
            guard !metrics.contains(where: { $0.name == metric.name }) else {
                throw value.error("the metric '\(metric.name)' is defined twice")
            }
            metrics.append(metric)
        }
        guard !metrics.isEmpty else { throw document.root.error("no metric is defined") }
        return metrics
    }

    private static func algorithms(_ value: YAMLDocument.Value?) throws(SettingsError) -> [String] {
        guard let value else { return [] }
        let names = try value.strings()
        for name in names where Algorithm(rawValue: name) == nil {
            throw value.error(
                "'\(name)' is not an algorithm", valid: Algorithm.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return names
    }

    private static func metric(_ value: YAMLDocument.Value) throws(SettingsError) -> MetricDefinition {
        try value.allow([
            "name", "query", "unit", "direction", "role", "limit", "minimum_deviation",
            "minimum_relative_deviation", "algorithms", "cool_down_seconds", "flapping_seconds", "limit_query",
            "find_limits", "entity",
        ])
        let name = try value.required("name")
        let text = try name.string()
        let letters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:")
        guard let first = text.first, !first.isNumber, text.allSatisfy(letters.contains) else {
            throw name.error("'\(text)' is not a metric name", valid: "letters, digits, '_' and ':'")
        }
        let query = try value.required("query")
        guard try !query.string().isEmpty else { throw query.error("the query is empty") }
        let entity = try value.required("entity")
        try entity.allow(["kind", "name", "namespace"])
        return MetricDefinition(
            name: text, query: try query.string(), unit: try value["unit"]?.string() ?? "",
            direction: try value["direction"]?.name() ?? .both, role: try value["role"]?.name() ?? .other,
            limit: try value["limit"]?.double(),
            minimumDeviation: try value["minimum_deviation"]?.double(in: 0...Double.greatestFiniteMagnitude) ?? 0,
            minimumRelativeDeviation: try value["minimum_relative_deviation"]?.double(in: 0...1_000) ?? 0.05,
            algorithms: try algorithms(value["algorithms"]),
            coolDownSeconds: try value["cool_down_seconds"]?.double(in: 0...86_400) ?? 60,
            flappingSeconds: try value["flapping_seconds"]?.double(in: 0...86_400) ?? 1_800,
            limitQuery: try value["limit_query"]?.string(),
            findsLimits: try value["find_limits"]?.bool() ?? true,
            entity: .init(
                kind: try entity.required("kind").string(), nameLabels: try entity.required("name").strings(),
                namespaceLabel: try entity["namespace"]?.string() ?? "namespace"))
    }
}
