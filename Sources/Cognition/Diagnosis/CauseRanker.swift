import Model

/// Ranks the workloads of an incident by how well they explain it: pure, deterministic, without a model.
///
/// Score of a workload = 0.35 · how early it departed + 0.30 · how far + 0.20 · how much of the incident it carries
/// + 0.15 · how specific the pattern of its signals is. Each part leaves its evidence behind.
package struct CauseRanker: Sendable {
    private static let onsetWeight = 0.35
    private static let deviationWeight = 0.30
    private static let shareWeight = 0.20
    private static let patternWeight = 0.15

    /// Role of each metric by name.
    private let roles: [String: SignalRole]

    package init(roles: [String: SignalRole]) { self.roles = roles }

    /// Suspects, most suspicious first; ties go to the smaller name.
    ///
    /// - Parameters:
    ///   - anomalies: anomalies of the incident.
    ///   - context: all series of the same namespace, anomalous or not.
    package func rank(anomalies: [Anomaly], context: [SeriesContext]) -> [Suspect] {
        guard let first = anomalies.map(\.started).min() else { return [] }
        let last = anomalies.map(\.started).max() ?? first
        let spread = Double(max(1, last.milliseconds(since: first)))
        let byEntity = Dictionary(grouping: anomalies, by: \.entity)
        return byEntity.map { entity, own in
            suspect(
                entity, own, all: anomalies.count, first: first, spread: spread,
                context: context.filter { $0.entity == entity })
        }.sorted { ($1.score, $0.entity) < ($0.score, $1.entity) }
    }

    private func suspect(
        _ entity: Entity, _ own: [Anomaly], all: Int, first: Timestamp, spread: Double, context: [SeriesContext]
    ) -> Suspect {
        let onset = own.map(\.started).min() ?? first
        let lateness = Double(onset.milliseconds(since: first)) / spread
        let strongest = own.max { ($0.score, $1.series) < ($1.score, $0.series) }
        let share = Double(own.count) / Double(max(1, all))
        let pattern = CausePattern.match(own, context: context, roles: roles)
        let score =
            Self.onsetWeight * (1 - lateness) + Self.deviationWeight * (strongest?.score ?? 0)
            + Self.shareWeight * share + Self.patternWeight * pattern.specificity

        var evidence: [Evidence] = []
        if let strongest {
            let change = Readable.percent(strongest.relativeDeviation)
            evidence.append(
                Evidence(
                    statement: "\(strongest.series.metric) is "
                        + "\(Readable.amount(strongest.value, strongest.unit)), "
                        + "expected \(Readable.amount(strongest.expected, strongest.unit)) (\(change))",
                    source: strongest.id, weight: Self.deviationWeight * strongest.score))
        }
        evidence.append(
            Evidence(
                statement: lateness == 0
                    ? "first to depart, at \(onset)"
                    : "departed \(Readable.duration(Double(onset.milliseconds(since: first)) / 1_000)) after the first",
                source: strongest?.id ?? "", weight: Self.onsetWeight * (1 - lateness)))
        if all > own.count {
            evidence.append(
                Evidence(
                    statement: "\(own.count) of \(all) anomalies are here", source: strongest?.id ?? "",
                    weight: Self.shareWeight * share))
        }
        evidence += pattern.evidence.map { statement, source in
            Evidence(
                statement: statement, source: source,
                weight: Self.patternWeight * pattern.specificity / Double(max(1, pattern.evidence.count)))
        }
        return Suspect(entity: entity, cause: pattern.cause, score: min(1, max(0, score)), evidence: evidence)
    }
}

/// What the signals of one workload look like together.
struct CausePattern {
    var cause: String
    /// In [0,1]: 1 when several signals agree on one explanation.
    var specificity: Double
    var evidence: [(statement: String, source: String)]

    static func match(_ anomalies: [Anomaly], context: [SeriesContext], roles: [String: SignalRole]) -> CausePattern {
        func anomalous(_ role: SignalRole) -> Anomaly? {
            anomalies.filter { roles[$0.series.metric] == role }.max { ($0.score, $1.series) < ($1.score, $0.series) }
        }
        let traffic = context.filter { $0.role == .traffic }.max {
            abs($0.relativeDeviation) < abs($1.relativeDeviation)
        }
        let trafficIsUp = (traffic?.score ?? 0) >= 0.7 && (traffic?.relativeDeviation ?? 0) > 0

        if let surge = anomalous(.traffic), surge.value > surge.expected {
            return CausePattern(
                cause: "traffic-surge", specificity: 0.8,
                evidence: [
                    ("traffic is \(Readable.percent(surge.relativeDeviation)) against its normal level", surge.id)
                ])
        }
        if let memory = anomalous(.memory), memory.value > memory.expected {
            var evidence: [(String, String)] = []
            let growing = (memory.forecast?.slopePerHour ?? 0) > 0
            if growing, let forecast = memory.forecast {
                evidence.append(
                    ("memory grows by \(Readable.amount(forecast.slopePerHour, memory.unit)) an hour", memory.id))
            }
            if let traffic, !trafficIsUp {
                evidence.append(
                    (
                        "traffic does not grow with it (\(Readable.percent(traffic.relativeDeviation)))",
                        "\(traffic.series)"
                    ))
            }
            return CausePattern(
                cause: growing && !trafficIsUp ? "memory-leak" : "memory-pressure",
                specificity: growing && traffic != nil && !trafficIsUp ? 1 : 0.6, evidence: evidence)
        }
        let table: [(SignalRole, String, Bool)] = [
            (.availability, "unavailable", false), (.restarts, "crash-loop", true), (.errors, "error-burst", true),
            (.disk, "disk-pressure", true), (.saturation, "saturation", true), (.cpu, "cpu-saturation", true),
            (.latency, "latency", true), (.network, "network", true),
        ]
        for (role, cause, above) in table {
            guard let anomaly = anomalous(role), (anomaly.value > anomaly.expected) == above else { continue }
            var evidence: [(String, String)] = []
            if let traffic, !trafficIsUp, role != .availability {
                evidence.append(
                    (
                        "traffic does not explain it (\(Readable.percent(traffic.relativeDeviation)))",
                        "\(traffic.series)"
                    ))
            }
            return CausePattern(cause: cause, specificity: evidence.isEmpty ? 0.5 : 0.7, evidence: evidence)
        }
        return CausePattern(cause: "unknown", specificity: 0, evidence: [])
    }
}
