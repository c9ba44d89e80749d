import Bus
import Model
import RedisBus
import Runtime

/// Everything that the streams say about one incident.
struct IncidentTrail: Sendable {
    private let bus: BusConnection

    init(_ bus: BusConnection) { self.bus = bus }

    /// The entries as lines of an export, by topic and then by position; none when no stream knows the incident.
    func lines(of incident: String) async throws -> [String] {
        for partition in Partition.all(count: bus.partitions) {
            let revisions = try await bus.allEntries(bus.keys.stream(.incidents, partition))
                .filter { $0.text("incident") == incident }
            if !revisions.isEmpty { return try await lines(of: incident, revisions, in: partition) }
        }
        return []
    }

    private func lines(
        of incident: String, _ revisions: [StreamEntry], in partition: Partition
    ) async throws -> [String] {
        var names: Set<String> = [incident]
        for revision in revisions {
            let known: Incident? = try? Envelope(revision).decode()
            names.formUnion(known?.anomalies.map(\.id) ?? [])
        }
        let plans = try await bus.allEntries(bus.keys.stream(.plans, partition))
            .filter { ($0.text("data") ?? "").contains(incident) }
        names.formUnion(plans.compactMap { $0.text("hash") })
        var lines: [String] = []
        for topic in Topic.allCases where topic != .observations {
            let stream = bus.keys.stream(topic, partition)
            for entry in try await bus.allEntries(stream)
            where entry.fields.contains(where: { field in names.contains { field.text.contains($0) } }) {
                lines.append(try StreamExport.encode(entry, of: stream))
            }
        }
        return lines
    }
}
