import Model

/// Decides which incident an anomaly belongs to: pure.
///
/// An anomaly joins an open incident of its own workload, else one of its namespace that began within the window. An
/// incident ends when all its anomalies have ended; one that ended less than ten minutes ago is opened again by an anomaly
/// of the same workload, and for longer by one of its own that flaps.
package struct Correlator: Sendable, Equatable {
    /// Anomalies of one namespace that begin within so many milliseconds belong together; default 10 minutes.
    package static let window: Int64 = 600_000
    /// Anomalies kept with one incident; the oldest closed ones are dropped first.
    package static let maximumAnomalies = 100

    /// Open incidents and those that may still be opened again, by id.
    package private(set) var incidents: [String: Incident]

    /// An incident may be opened again by its workload for so many milliseconds after its end; default 10 minutes.
    package static let reopen: Int64 = 600_000
    /// Milliseconds after its end in which one of its own anomalies opens it again, at least ``reopen``.
    private let flapping: Int64

    /// Goes on with the incidents given, and remembers each for its own anomalies for `flapping` milliseconds, at least ten
    /// minutes.
    package init(incidents: [Incident] = [], flapping: Int64 = 0) {
        self.flapping = max(Self.reopen, flapping)
        self.incidents = Dictionary(incidents.map { ($0.id, $0) }) { $1 }
    }

    /// What changed by an anomaly.
    package struct Change: Sendable, Equatable {
        /// The incident as it is now.
        package var incident: Incident
        /// The change is one that planners and people should hear of.
        package var isNews: Bool
    }

    /// Takes in the newest state of an anomaly; `rank` ranks the suspects of the anomalies given.
    ///
    /// - Returns: the incident that it belongs to; `nil` for the end of an anomaly that no incident knows.
    package mutating func take(_ anomaly: Anomaly, rank: ([Anomaly]) -> [Suspect]) -> Change? {
        forget(before: anomaly.updated)
        let known = incidents.values.first { $0.anomalies.contains { $0.id == anomaly.id } }
        guard var incident = known ?? home(of: anomaly) ?? founded(by: anomaly) else { return nil }
        let before = incident

        if let index = incident.anomalies.firstIndex(where: { $0.id == anomaly.id }) {
            incident.anomalies[index] = anomaly
        } else {
            incident.anomalies.append(anomaly)
            incident.anomalies.sort { ($0.started, $0.id) < ($1.started, $1.id) }
            if incident.anomalies.count > Self.maximumAnomalies {
                let index = incident.anomalies.firstIndex { $0.status == .closed } ?? 0
                incident.anomalies.remove(at: index)
            }
        }
        let open = incident.anomalies.filter { $0.status == .open }
        incident.updated = max(incident.updated, anomaly.updated)
        incident.severity = incident.anomalies.map(\.severity).max() ?? anomaly.severity
        if open.isEmpty {
            incident.status = .resolved
            incident.resolved = incident.anomalies.compactMap(\.ended).max() ?? anomaly.updated
        } else {
            incident.status = .open
            incident.resolved = nil
            incident.suspects = rank(open)
            if let main = incident.suspects.first { incident.entity = main.entity }
        }
        incident.title = title(of: incident)
        let isNews =
            known == nil && before.anomalies.isEmpty || before.status != incident.status
            || before.severity < incident.severity || before.anomalies.count < incident.anomalies.count
            || before.suspects.first?.entity != incident.suspects.first?.entity
            || before.suspects.first?.cause != incident.suspects.first?.cause
        if isNews { incident.revision += 1 }
        incidents[incident.id] = incident
        return Change(incident: incident, isNews: isNews)
    }

    private func home(of anomaly: Anomaly) -> Incident? {
        guard anomaly.status == .open else { return nil }
        let candidates = incidents.values.sorted { ($0.started, $0.id) < ($1.started, $1.id) }
        let own = candidates.last { incident in
            let pause = incident.resolved.map { anomaly.updated.milliseconds(since: $0) } ?? 0
            return pause <= Self.reopen && incident.anomalies.contains { $0.entity == anomaly.entity }
        }
        if let own { return own }
        return candidates.last { incident in
            incident.status == .open && incident.entity.cluster == anomaly.entity.cluster
                && incident.entity.namespace == anomaly.entity.namespace
                && abs(anomaly.started.milliseconds(since: incident.started)) <= Self.window
        }
    }

    private func founded(by anomaly: Anomaly) -> Incident? {
        guard anomaly.status == .open else { return nil }
        var hash = StableHash()
        hash.combine("\(anomaly.entity)")
        hash.combine(anomaly.id)
        return Incident(
            id: "INC-\(hash.base32)", revision: 0, status: .open, entity: anomaly.entity, title: "",
            severity: anomaly.severity, started: anomaly.started, detected: anomaly.detected,
            updated: anomaly.updated, resolved: nil, anomalies: [], suspects: [])
    }

    private mutating func forget(before now: Timestamp) {
        incidents = incidents.filter { _, incident in
            guard incident.status == .resolved, let resolved = incident.resolved else { return true }
            return now.milliseconds(since: resolved) <= flapping
        }
    }

    private func title(of incident: Incident) -> String {
        guard let suspect = incident.suspects.first else { return "\(incident.entity.name): anomaly" }
        return "\(suspect.entity.name): \(suspect.cause)"
    }
}
