import Model

/// One line of the metrics map: what is asked, and what the answer means.
package struct MetricDefinition: Sendable, Equatable {
    /// Which labels of a series name the workload it is about.
    package struct EntityRule: Sendable, Equatable {
        /// Kind of workload, such as `Deployment`.
        package var kind: String
        /// Labels tried in order for the name.
        package var nameLabels: [String]
        /// Label of the namespace.
        package var namespaceLabel: String

        package init(kind: String, nameLabels: [String], namespaceLabel: String) {
            self.kind = kind
            self.nameLabels = nameLabels
            self.namespaceLabel = namespaceLabel
        }
    }

    /// Name, unique in the map.
    package var name: String
    /// PromQL; each series of its result is watched.
    package var query: String
    /// Unit of the values.
    package var unit: String
    /// Side on which a departure is bad.
    package var direction: Direction
    /// What the metric tells about a workload.
    package var role: SignalRole
    /// Limit in the unit of the metric, for the time to breach.
    package var limit: Double?
    /// PromQL that gives the limit of each series, default `nil`.
    ///
    /// A series of its answer is about those of ours that carry all of its labels.
    package var limitQuery: String?
    /// Whether limits are learned and taken from alerting rules where none is declared; default true.
    package var findsLimits: Bool
    /// Departures smaller than this (absolute, in the unit) are never anomalies; default 0.
    package var minimumDeviation: Double
    /// Departures smaller than this share of the expected value are never anomalies; default 0.05.
    package var minimumRelativeDeviation: Double
    /// Names of the algorithms that watch it; empty for the standard ones.
    package var algorithms: [String]
    /// Seconds without an unusual sample that it takes to end an anomaly; default 60.
    package var coolDownSeconds: Double
    /// Seconds after its end in which an anomaly that begins again is the same one; default 1,800.
    package var flappingSeconds: Double
    /// Which workload a series is about.
    package var entity: EntityRule

    package init(
        name: String, query: String, unit: String, direction: Direction, role: SignalRole, limit: Double? = nil,
        minimumDeviation: Double = 0, minimumRelativeDeviation: Double = 0.05, algorithms: [String] = [],
        coolDownSeconds: Double = 60, flappingSeconds: Double = 1_800, limitQuery: String? = nil,
        findsLimits: Bool = true, entity: EntityRule
    ) {
        self.name = name
        self.query = query
        self.unit = unit
        self.direction = direction
        self.role = role
        self.limit = limit
        self.minimumDeviation = minimumDeviation
        self.minimumRelativeDeviation = minimumRelativeDeviation
        self.algorithms = algorithms
        self.coolDownSeconds = coolDownSeconds
        self.flappingSeconds = flappingSeconds
        self.limitQuery = limitQuery
        self.findsLimits = findsLimits
        self.entity = entity
    }

    /// The workload that a series with these labels is about.
    ///
    /// Off Kubernetes a series carries no namespace; it then belongs to `defaultNamespace`.
    package func entity(labels: [String: String], cluster: String, defaultNamespace: String) -> Entity {
        let name = entity.nameLabels.lazy.compactMap { labels[$0] }.first { !$0.isEmpty }
        let namespace = labels[entity.namespaceLabel].flatMap { $0.isEmpty ? nil : $0 }
        return Entity(
            cluster: cluster, namespace: namespace ?? defaultNamespace, kind: entity.kind,
            name: name ?? labels["job"] ?? labels["instance"] ?? self.name)
    }
}
