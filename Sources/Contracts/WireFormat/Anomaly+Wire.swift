import Model
import SwiftProtobuf

extension Anomaly: WireMessage {
    package static var eventType: String { "sre.anomaly.v1" }

    package init(proto: Sre_V1_Anomaly) throws(WireError) {
        let type = "Anomaly"
        try Check.present(proto.hasSeries, type, "series")
        try Check.present(proto.hasEntity, type, "entity")
        let status: Status
        switch proto.status {
        case .open: status = .open
        case .closed: status = .closed
        case .unspecified, .UNRECOGNIZED: throw Check.unknownEnum(proto.status, type, "status")
        }
        var window: [SamplePoint] = []
        for point in proto.window { window.append(try SamplePoint(proto: point)) }
        for (name, score) in proto.members { _ = try Check.unit(score, type, "members[\(name)]") }
        self.init(
            id: try Check.text(proto.id, type, "id"), series: try SeriesID(proto: proto.series),
            entity: try Entity(proto: proto.entity), unit: proto.unit, status: status,
            started: Timestamp(milliseconds: proto.startedMs), detected: Timestamp(milliseconds: proto.detectedMs),
            updated: Timestamp(milliseconds: proto.updatedMs), ended: Timestamp(optional: proto.endedMs),
            value: try Check.finite(proto.value, type, "value"),
            expected: try Check.finite(proto.expected, type, "expected"),
            lower: try Check.finite(proto.lower, type, "lower"), upper: try Check.finite(proto.upper, type, "upper"),
            relativeDeviation: try Check.finite(proto.relativeDeviation, type, "relative_deviation"),
            score: try Check.unit(proto.score, type, "score"), members: proto.members,
            severity: try Severity(proto: proto.severity, type: type),
            forecast: proto.hasForecast ? try Breach(proto: proto.forecast) : nil, window: window,
            baselineConfidence: try Check.unit(proto.baselineConfidence, type, "baseline_confidence"),
            seenBy: proto.seenBy, rarityDays: max(0, try Check.finite(proto.rarityDays, type, "rarity_days")),
            threshold: try Check.unit(proto.threshold, type, "threshold"),
            peakScore: try Check.unit(proto.peakScore, type, "peak_score"))
    }

    package var proto: Sre_V1_Anomaly {
        .with {
            $0.id = id
            $0.series = series.proto
            $0.entity = entity.proto
            $0.unit = unit
            $0.status = status == .open ? .open : .closed
            $0.startedMs = started.rawValue
            $0.detectedMs = detected.rawValue
            $0.updatedMs = updated.rawValue
            $0.endedMs = ended?.rawValue ?? 0
            $0.value = value
            $0.expected = expected
            $0.lower = lower
            $0.upper = upper
            $0.relativeDeviation = relativeDeviation
            $0.score = score
            $0.members = members
            $0.severity = severity.proto
            if let forecast { $0.forecast = forecast.proto }
            $0.window = window.map(\.proto)
            $0.baselineConfidence = baselineConfidence
            $0.seenBy = seenBy
            $0.rarityDays = rarityDays
            $0.threshold = threshold
            $0.peakScore = peakScore
            $0.explanation = explanation
        }
    }
}

extension Breach {
    init(proto: Sre_V1_BreachForecast) throws(WireError) {
        let type = "BreachForecast"
        self.init(
            limit: try Check.finite(proto.limit, type, "limit"), p10: proto.hasP10S ? proto.p10S : nil,
            p50: proto.hasP50S ? proto.p50S : nil, p90: proto.hasP90S ? proto.p90S : nil,
            probability: try Check.unit(proto.probability, type, "probability"),
            horizon: try Check.finite(proto.horizonS, type, "horizon_s"),
            slopePerHour: try Check.finite(proto.slopePerHour, type, "slope_per_hour"), breached: proto.breached,
            source: LimitSource(proto: proto.limitSource), reason: proto.limitReason)
    }

    var proto: Sre_V1_BreachForecast {
        .with {
            $0.limit = limit
            if let p10 { $0.p10S = p10 }
            if let p50 { $0.p50S = p50 }
            if let p90 { $0.p90S = p90 }
            $0.probability = probability
            $0.horizonS = horizon
            $0.slopePerHour = slopePerHour
            $0.breached = breached
            $0.limitSource = source.proto
            $0.limitReason = reason
        }
    }
}

extension LimitSource {
    /// A source that this version does not know counts as declared: what follows from a limit is the same for all.
    init(proto: Sre_V1_LimitSource) {
        switch proto {
        case .companion: self = .companion
        case .alertRule: self = .alertRule
        case .learned: self = .learned
        case .declared, .unspecified, .UNRECOGNIZED: self = .declared
        }
    }

    var proto: Sre_V1_LimitSource {
        switch self {
        case .declared: .declared
        case .companion: .companion
        case .alertRule: .alertRule
        case .learned: .learned
        }
    }
}
