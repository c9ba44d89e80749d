import Authority
import Bus
import Model
import Signatures
import WireFormat

/// Values that tests begin with.
package enum Fixtures {
    package static let digest = SHA256Digest()
    package static let now = Timestamp(milliseconds: 1_770_388_222_000)
    package static let target = Entity(cluster: "test", namespace: "shop", kind: "Process", name: "shop")
    package static let series = SeriesID(metric: "memory", labels: ["service": "shop"])
    package static let approver = Ed25519Signer()
    package static let second = Ed25519Signer()
    package static let planner = Ed25519Signer()
    package static let gateway = Ed25519Signer()

    package static func policy() -> Policy {
        Policy(
            hash: "policy-1", namespaces: ["shop"], actions: [.runCommand], autoActions: [.runCommand],
            approvers: [
                .init(name: "jane@example.com", roles: ["approver"], keys: [approver.publicKey]),
                .init(name: "john@example.com", roles: ["approver"], keys: [second.publicKey]),
                .init(name: "viewer@example.com", roles: ["viewer"], keys: [gateway.publicKey]),
            ], delegates: [gateway.publicKey], planners: [planner.publicKey], floors: [.runCommand: 0.6])
    }

    package static func verifier(
        _ policy: Policy = policy(), auto: Bool = false, isShadow: Bool = false
    ) -> Verifier {
        Verifier(
            policy: policy, cluster: "test", autoRemediationEnabled: auto, isShadow: isShadow, digest: digest,
            signatures: Ed25519Verifier())
    }

    package static func anomaly(
        id: String = "ANO-1", started: Timestamp = now, status: Anomaly.Status = .open, entity: Entity = target,
        series: SeriesID = series
    ) -> Anomaly {
        Anomaly(
            id: id, series: series, entity: entity, unit: "bytes", status: status, started: started,
            detected: started, updated: started, ended: status == .closed ? started : nil, value: 150, expected: 100,
            lower: 90, upper: 110, relativeDeviation: 0.5, score: 0.9, members: ["mad": 0.9], severity: .high,
            forecast: Breach(
                limit: 200, p10: 3_000, p50: 3_600, p90: nil, probability: 0.9, horizon: 21_600, slopePerHour: 50,
                breached: false),
            window: [SamplePoint(time: started, value: 150)], baselineConfidence: 1)
    }

    package static func incident(status: Incident.Status = .open, revision: Int64 = 1) -> Incident {
        Incident(
            id: "INC-1", revision: revision, status: status, entity: target, title: "shop: memory-leak",
            severity: .high,
            started: now, detected: now, updated: now, resolved: status == .resolved ? now : nil,
            anomalies: [anomaly()],
            suspects: [
                Suspect(
                    entity: target, cause: "memory-leak", score: 0.9,
                    evidence: [Evidence(statement: "it grows", source: "ANO-1", weight: 0.3)])
            ])
    }

    package static func plan(created: Timestamp = now, quorum: Int = 1, rollback: Bool = true) -> Plan {
        let action = Action(type: .runCommand, parameters: ["command": "restart"])
        let factors = [RiskFactor(name: "blast-radius", value: 1, weight: 0.2, reason: "all")]
        return Plan(
            incidentID: "INC-1", incidentRevision: 1, target: target, runbook: "restart", title: "Restart shop",
            why: ["it leaks"], created: created, expires: created.advanced(bySeconds: 600),
            risk: RiskAssessment(score: 0.65, floor: 0.6, band: .semiAuto, factors: factors),
            steps: [
                Step(index: 0, description: "first", action: action, timeoutSeconds: 10),
                Step(index: 1, description: "second", action: action, timeoutSeconds: 10),
            ],
            rollback: rollback ? [Step(index: 0, description: "undo", action: action, timeoutSeconds: 10)] : [],
            verification: Verification(
                series: series, lower: nil, upper: 110, scrapes: 3, intervalSeconds: 1, timeoutSeconds: 30),
            quorum: quorum, policyHash: "policy-1", requester: "sre-planner")
    }

    /// A stored plan as the planner files it.
    package static func record(_ plan: Plan = plan(), state: PlanState = .awaiting) throws -> PlanRecord {
        let identity = try PlanIdentity(plan, digest: digest)
        let fields = PlanRecord.fields(
            identity, plan: plan, state: state, plannerSignature: try planner.sign(Array(identity.hash.utf8)),
            reason: "", traceparent: TraceContext(seed: "test"))
        return try PlanRecord(
            hash: identity.hash, fields: Dictionary(fields.map { ($0.name, $0.value) }) { $1 })
    }

    package static func statement(
        _ verdict: Verdict = .approve, about record: PlanRecord, by name: String = "jane@example.com",
        role: String = Verifier.approverRole, signer: Ed25519Signer = approver, policyHash: String = "policy-1",
        cluster: String = "test", from: Timestamp = now, until: Timestamp = now.advanced(bySeconds: 900)
    ) throws -> SignedStatement {
        let statement = ApprovalStatement(
            cluster: cluster, planHash: record.hash, verdict: verdict, approver: name,
            keyID: Verifier.keyID(signer.publicKey, digest: digest), role: role,
            nonce: "00112233445566778899aabbccddeeff", notBefore: from, notAfter: until, policyHash: policyHash,
            comment: "")
        let bytes = try statement.canonicalJSON()
        return SignedStatement(
            statement: String(decoding: bytes, as: UTF8.self), signature: try signer.sign(bytes))
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
