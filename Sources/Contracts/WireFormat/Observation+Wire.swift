import Model
import SwiftProtobuf

extension Observation: WireMessage {
    package static var eventType: String { "sre.observation.v1" }

    package init(proto: Sre_V1_Observation) throws(WireError) {
        let type = "Observation"
        guard proto.stepMs > 0 else {
            throw .invalid(type: type, field: "step_ms", value: "\(proto.stepMs)", expected: "at least 1")
        }
        guard proto.fromMs <= proto.toMs else {
            throw .invalid(type: type, field: "from_ms", value: "\(proto.fromMs)", expected: "at most to_ms")
        }
        var series: [ObservedSeries] = []
        series.reserveCapacity(proto.series.count)
        for message in proto.series { series.append(try ObservedSeries(proto: message)) }
        self.init(
            metric: try Check.text(proto.metric, type, "metric"), unit: proto.unit,
            direction: try Direction(proto: proto.direction),
            limit: proto.hasLimit ? try Check.finite(proto.limit, type, "limit") : nil,
            from: Timestamp(milliseconds: proto.fromMs), to: Timestamp(milliseconds: proto.toMs),
            stepMilliseconds: proto.stepMs, series: series, warnings: proto.warnings)
    }

    package var proto: Sre_V1_Observation {
        .with {
            $0.metric = metric
            $0.unit = unit
            $0.direction = direction.proto
            if let limit { $0.limit = limit }
            $0.fromMs = from.rawValue
            $0.toMs = to.rawValue
            $0.stepMs = stepMilliseconds
            $0.series = series.map(\.proto)
            $0.warnings = warnings
        }
    }
}

extension ObservedSeries {
    init(proto: Sre_V1_ObservedSeries) throws(WireError) {
        let type = "ObservedSeries"
        guard proto.timestampsMs.count == proto.values.count else {
            throw .invalid(
                type: type, field: "values", value: "\(proto.values.count) values",
                expected: "one for each of \(proto.timestampsMs.count) timestamps")
        }
        try Check.present(proto.hasID, type, "id")
        try Check.present(proto.hasEntity, type, "entity")
        var samples: [SamplePoint] = []
        samples.reserveCapacity(proto.values.count)
        for (time, value) in zip(proto.timestampsMs, proto.values) {
            if let last = samples.last, last.time.rawValue >= time {
                throw .invalid(type: type, field: "timestamps_ms", value: "\(time)", expected: "ascending order")
            }
            samples.append(
                SamplePoint(time: Timestamp(milliseconds: time), value: try Check.finite(value, type, "values")))
        }
        self.init(
            id: try SeriesID(proto: proto.id), entity: try Entity(proto: proto.entity), samples: samples,
            missing: Int(proto.missing))
    }

    var proto: Sre_V1_ObservedSeries {
        .with {
            $0.id = id.proto
            $0.entity = entity.proto
            $0.timestampsMs = samples.map(\.time.rawValue)
            $0.values = samples.map(\.value)
            $0.missing = UInt32(clamping: missing)
        }
    }
}

extension Direction {
    init(proto: Sre_V1_Direction) throws(WireError) {
        switch proto {
        case .above: self = .above
        case .below: self = .below
        case .both: self = .both
        case .unspecified, .UNRECOGNIZED: throw Check.unknownEnum(proto, "Observation", "direction")
        }
    }

    var proto: Sre_V1_Direction {
        switch self {
        case .above: .above
        case .below: .below
        case .both: .both
        }
    }
}
