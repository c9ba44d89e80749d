/// Anomalies that belong together, and what is behind them.
package struct Incident: Sendable, Equatable {
    /// Whether the incident goes on.
    package enum Status: String, Sendable {
        case open = "OPEN"
        case resolved = "RESOLVED"
    }

    /// `INC-` and thirteen base-32 characters derived from entity and first anomaly.
    package var id: String
    /// Grows with every change that a planner should look at again.
    package var revision: Int64
    /// Whether the incident goes on.
    package var status: Status
    /// Workload that is affected.
    package var entity: Entity
    /// One line for a person.
    package var title: String
    /// Worst severity of its anomalies.
    package var severity: Severity
    /// First unusual sample of all anomalies.
    package var started: Timestamp
    /// When the first anomaly was confirmed.
    package var detected: Timestamp
    /// Newest change.
    package var updated: Timestamp
    /// End; `nil` while open.
    package var resolved: Timestamp?
    /// Newest state of each anomaly, oldest first.
    package var anomalies: [Anomaly]
    /// Most suspicious first.
    package var suspects: [Suspect]

    package init(
        id: String, revision: Int64, status: Status, entity: Entity, title: String, severity: Severity,
        started: Timestamp, detected: Timestamp, updated: Timestamp, resolved: Timestamp?, anomalies: [Anomaly],
        suspects: [Suspect]
    ) {
        self.id = id
        self.revision = revision
        self.status = status
        self.entity = entity
        self.title = title
        self.severity = severity
        self.started = started
        self.detected = detected
        self.updated = updated
        self.resolved = resolved
        self.anomalies = anomalies
        self.suspects = suspects
    }
}

/// A possible cause of an incident.
package struct Suspect: Sendable, Equatable {
    /// Workload that is suspected.
    package var entity: Entity
    /// Kind of cause, such as `memory-leak`.
    package var cause: String
    /// In [0,1], comparable within one incident.
    package var score: Double
    /// Checkable statements with the series they rest on.
    package var evidence: [Evidence]

    package init(entity: Entity, cause: String, score: Double, evidence: [Evidence]) {
        self.entity = entity
        self.cause = cause
        self.score = score
        self.evidence = evidence
    }
}

/// A checkable statement that supports a suspicion.
package struct Evidence: Sendable, Equatable {
    /// The statement, with numbers.
    package var statement: String
    /// Anomaly or series that shows it.
    package var source: String
    /// Share of the suspect's score that rests on it, in [0,1].
    package var weight: Double

    package init(statement: String, source: String, weight: Double) {
        self.statement = statement
        self.source = source
        self.weight = weight
    }
}
