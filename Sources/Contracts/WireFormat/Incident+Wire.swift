import Model
import SwiftProtobuf

extension Incident: WireMessage {
    package static var eventType: String { "sre.incident.v1" }

    package init(proto: Sre_V1_Incident) throws(WireError) {
        let type = "Incident"
        try Check.present(proto.hasEntity, type, "entity")
        let status: Status
        switch proto.status {
        case .open: status = .open
        case .resolved: status = .resolved
        case .unspecified, .UNRECOGNIZED: throw Check.unknownEnum(proto.status, type, "status")
        }
        var anomalies: [Anomaly] = []
        for message in proto.anomalies { anomalies.append(try Anomaly(proto: message)) }
        var suspects: [Suspect] = []
        for message in proto.suspects { suspects.append(try Suspect(proto: message)) }
        self.init(
            id: try Check.text(proto.id, type, "id"), revision: proto.revision, status: status,
            entity: try Entity(proto: proto.entity), title: proto.title,
            severity: try Severity(proto: proto.severity, type: type),
            started: Timestamp(milliseconds: proto.startedMs), detected: Timestamp(milliseconds: proto.detectedMs),
            updated: Timestamp(milliseconds: proto.updatedMs), resolved: Timestamp(optional: proto.resolvedMs),
            anomalies: anomalies, suspects: suspects)
    }

    package var proto: Sre_V1_Incident {
        .with {
            $0.id = id
            $0.revision = revision
            $0.status = status == .open ? .open : .resolved
            $0.entity = entity.proto
            $0.title = title
            $0.severity = severity.proto
            $0.startedMs = started.rawValue
            $0.detectedMs = detected.rawValue
            $0.updatedMs = updated.rawValue
            $0.resolvedMs = resolved?.rawValue ?? 0
            $0.anomalies = anomalies.map(\.proto)
            $0.suspects = suspects.map(\.proto)
        }
    }
}

extension Suspect {
    init(proto: Sre_V1_Suspect) throws(WireError) {
        let type = "Suspect"
        try Check.present(proto.hasEntity, type, "entity")
        var evidence: [Evidence] = []
        for item in proto.evidence {
            evidence.append(
                Evidence(
                    statement: item.statement, source: item.source,
                    weight: try Check.unit(item.weight, "Evidence", "weight")))
        }
        self.init(
            entity: try Entity(proto: proto.entity), cause: try Check.text(proto.cause, type, "cause"),
            score: try Check.unit(proto.score, type, "score"), evidence: evidence)
    }

    var proto: Sre_V1_Suspect {
        .with {
            $0.entity = entity.proto
            $0.cause = cause
            $0.score = score
            $0.evidence = evidence.map { item in
                .with {
                    $0.statement = item.statement
                    $0.source = item.source
                    $0.weight = item.weight
                }
            }
        }
    }
}
