import Model
import SwiftProtobuf

extension Plan: WireMessage {
    package static var eventType: String { "sre.plan.v1" }

    package init(proto: Sre_V1_Plan) throws(WireError) {
        let type = "Plan"
        try Check.present(proto.hasTarget, type, "target")
        try Check.present(proto.hasRisk, type, "risk")
        try Check.present(proto.hasVerification, type, "verification")
        var steps: [Step] = []
        for message in proto.steps { steps.append(try Step(proto: message)) }
        try Check.present(!steps.isEmpty, type, "steps")
        var rollback: [Step] = []
        for message in proto.rollback { rollback.append(try Step(proto: message)) }
        var guards: [Verification] = []
        for message in proto.guards { guards.append(try Verification(proto: message)) }
        guard proto.createdMs < proto.expiresMs else {
            throw .invalid(type: type, field: "expires_ms", value: "\(proto.expiresMs)", expected: "after created_ms")
        }
        self.init(
            incidentID: try Check.text(proto.incidentID, type, "incident_id"),
            incidentRevision: proto.incidentRevision, target: try Entity(proto: proto.target),
            runbook: try Check.text(proto.runbook, type, "runbook"), title: proto.title, why: proto.why,
            created: Timestamp(milliseconds: proto.createdMs), expires: Timestamp(milliseconds: proto.expiresMs),
            risk: try RiskAssessment(proto: proto.risk), steps: steps, rollback: rollback,
            verification: try Verification(proto: proto.verification), quorum: Int(proto.quorum),
            policyHash: try Check.text(proto.policyHash, type, "policy_hash"),
            requester: try Check.text(proto.requester, type, "requester"), impact: try Impact(proto: proto.impact),
            guards: guards)
    }

    package var proto: Sre_V1_Plan {
        .with {
            $0.incidentID = incidentID
            $0.incidentRevision = incidentRevision
            $0.target = target.proto
            $0.runbook = runbook
            $0.title = title
            $0.why = why
            $0.createdMs = created.rawValue
            $0.expiresMs = expires.rawValue
            $0.risk = risk.proto
            $0.steps = steps.map(\.proto)
            $0.rollback = rollback.map(\.proto)
            $0.verification = verification.proto
            $0.quorum = UInt32(clamping: quorum)
            $0.policyHash = policyHash
            $0.requester = requester
            if impact != Impact() { $0.impact = impact.proto }
            $0.guards = guards.map(\.proto)
        }
    }
}

extension Step {
    init(proto: Sre_V1_Step) throws(WireError) {
        try Check.present(proto.hasAction, "Step", "action")
        guard proto.timeoutS > 0 else {
            throw .invalid(type: "Step", field: "timeout_s", value: "0", expected: "at least 1")
        }
        self.init(
            index: Int(proto.index), description: proto.description_p,
            action: Action(
                type: try Check.name(proto.action.type, "Action", "type"), parameters: proto.action.parameters,
                pin: proto.action.hasPin ? try Pin(proto: proto.action.pin) : nil),
            timeoutSeconds: Int(proto.timeoutS))
    }

    var proto: Sre_V1_Step {
        .with {
            $0.index = UInt32(clamping: index)
            $0.description_p = description
            $0.action = .with {
                $0.type = action.type.rawValue
                $0.parameters = action.parameters
                if let pin = action.pin { $0.pin = pin.proto }
            }
            $0.timeoutS = UInt32(clamping: timeoutSeconds)
        }
    }
}

extension Pin {
    init(proto: Sre_V1_Pin) throws(WireError) {
        self.init(
            object: try Check.text(proto.object, "Pin", "object"), uid: try Check.text(proto.uid, "Pin", "uid"),
            generation: proto.generation, digest: try Check.text(proto.digest, "Pin", "digest"))
    }

    var proto: Sre_V1_Pin {
        .with {
            $0.object = object
            $0.uid = uid
            $0.generation = generation
            $0.digest = digest
        }
    }
}

extension Impact {
    init(proto: Sre_V1_Impact) throws(WireError) {
        self.init(
            replicas: Int(proto.replicas), replicasTouched: Int(proto.replicasTouched),
            traffic: try Check.unit(proto.traffic, "Impact", "traffic"),
            changes: proto.changes.map {
                FieldChange(step: Int($0.step), path: $0.path, before: $0.before, after: $0.after)
            }, conflicts: proto.conflicts, estimatedSeconds: Int(proto.estimatedS), succeeded: Int(proto.succeeded),
            executed: Int(proto.executed))
    }

    var proto: Sre_V1_Impact {
        .with {
            $0.replicas = UInt32(clamping: replicas)
            $0.replicasTouched = UInt32(clamping: replicasTouched)
            $0.traffic = traffic
            $0.changes = changes.map { change in
                .with {
                    $0.step = UInt32(clamping: change.step)
                    $0.path = change.path
                    $0.before = change.before
                    $0.after = change.after
                }
            }
            $0.conflicts = conflicts
            $0.estimatedS = UInt32(clamping: estimatedSeconds)
            $0.succeeded = UInt32(clamping: succeeded)
            $0.executed = UInt32(clamping: executed)
        }
    }
}

extension Verification {
    init(proto: Sre_V1_Verification) throws(WireError) {
        let type = "Verification"
        try Check.present(proto.hasSeries, type, "series")
        guard proto.scrapes > 0, proto.intervalS > 0, proto.timeoutS > 0 else {
            throw .invalid(
                type: type, field: "scrapes, interval_s, timeout_s",
                value: "\(proto.scrapes), \(proto.intervalS), \(proto.timeoutS)", expected: "at least 1 each")
        }
        self.init(
            series: try SeriesID(proto: proto.series),
            lower: proto.hasLower ? try Check.finite(proto.lower, type, "lower") : nil,
            upper: proto.hasUpper ? try Check.finite(proto.upper, type, "upper") : nil, scrapes: Int(proto.scrapes),
            intervalSeconds: Int(proto.intervalS), timeoutSeconds: Int(proto.timeoutS))
    }

    var proto: Sre_V1_Verification {
        .with {
            $0.series = series.proto
            if let lower { $0.lower = lower }
            if let upper { $0.upper = upper }
            $0.scrapes = UInt32(clamping: scrapes)
            $0.intervalS = UInt32(clamping: intervalSeconds)
            $0.timeoutS = UInt32(clamping: timeoutSeconds)
        }
    }
}

extension RiskAssessment {
    init(proto: Sre_V1_RiskAssessment) throws(WireError) {
        let type = "RiskAssessment"
        var factors: [RiskFactor] = []
        for factor in proto.factors {
            factors.append(
                RiskFactor(
                    name: try Check.text(factor.name, "RiskFactor", "name"),
                    value: try Check.unit(factor.value, "RiskFactor", "value"),
                    weight: try Check.unit(factor.weight, "RiskFactor", "weight"), reason: factor.reason))
        }
        let score = try Check.unit(proto.score, type, "score")
        let band: RiskBand
        switch proto.band {
        case .auto: band = .auto
        case .semiAuto: band = .semiAuto
        case .manual: band = .manual
        case .unspecified, .UNRECOGNIZED: throw Check.unknownEnum(proto.band, type, "band")
        }
        guard band == RiskBand(score: score) else {
            throw .invalid(
                type: type, field: "band", value: band.rawValue,
                expected: "\(RiskBand(score: score).rawValue) for the score \(score)")
        }
        self.init(score: score, floor: try Check.unit(proto.floor, type, "floor"), band: band, factors: factors)
    }

    var proto: Sre_V1_RiskAssessment {
        .with {
            $0.score = score
            $0.floor = floor
            switch band {
            case .auto: $0.band = .auto
            case .semiAuto: $0.band = .semiAuto
            case .manual: $0.band = .manual
            }
            $0.factors = factors.map { factor in
                .with {
                    $0.name = factor.name
                    $0.value = factor.value
                    $0.weight = factor.weight
                    $0.contribution = factor.contribution
                    $0.reason = factor.reason
                }
            }
        }
    }
}
