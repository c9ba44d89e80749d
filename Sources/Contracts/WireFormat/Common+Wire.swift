import Model
import SwiftProtobuf

extension Entity {
    init(proto: Sre_V1_Entity) throws(WireError) {
        self.init(
            cluster: try Check.text(proto.cluster, "Entity", "cluster"),
            namespace: try Check.text(proto.namespace, "Entity", "namespace"),
            kind: try Check.text(proto.kind, "Entity", "kind"),
            name: try Check.text(proto.name, "Entity", "name"))
    }

    var proto: Sre_V1_Entity {
        .with {
            $0.cluster = cluster
            $0.namespace = namespace
            $0.kind = kind
            $0.name = name
        }
    }
}

extension SeriesID {
    init(proto: Sre_V1_SeriesId) throws(WireError) {
        self.init(metric: try Check.text(proto.metric, "SeriesId", "metric"), labels: proto.labels)
    }

    var proto: Sre_V1_SeriesId {
        .with {
            $0.metric = metric
            $0.labels = labels
        }
    }
}

extension SamplePoint {
    init(proto: Sre_V1_Sample) throws(WireError) {
        self.init(
            time: Timestamp(milliseconds: proto.timestampMs), value: try Check.finite(proto.value, "Sample", "value"))
    }

    var proto: Sre_V1_Sample {
        .with {
            $0.timestampMs = time.rawValue
            $0.value = value
        }
    }
}

extension Severity {
    init(proto: Sre_V1_Severity, type: String) throws(WireError) {
        switch proto {
        case .low: self = .low
        case .medium: self = .medium
        case .high: self = .high
        case .critical: self = .critical
        case .unspecified, .UNRECOGNIZED: throw Check.unknownEnum(proto, type, "severity")
        }
    }

    var proto: Sre_V1_Severity {
        switch self {
        case .low: .low
        case .medium: .medium
        case .high: .high
        case .critical: .critical
        }
    }
}

extension Timestamp {
    /// `nil` stands for 0 on the wire.
    init?(optional milliseconds: Int64) {
        if milliseconds == 0 { return nil }
        self.init(milliseconds: milliseconds)
    }
}
