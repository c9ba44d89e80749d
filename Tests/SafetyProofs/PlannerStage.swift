import Authority
import Bus
import Decision
import KubeSimulator
import Kubernetes
import Model
import Signatures
import Synchronization
import WireFormat

/// The planner on a stage: what it reads, and one turn of its work.
package enum PlannerStage {
    /// A timer that says that a plan's time is over.
    static func timer(_ record: PlanRecord) -> [Field] { [Field("timer", "expiry:\(record.hash)")] }

    /// The incident of the stage's plans, as it is over.
    static func resolved(at time: Timestamp) throws -> [Field] {
        try entry(incident(.resolved, revision: 2, at: time), at: time)
    }

    /// The incident of the stage's plans: the target is slow.
    package static func incident(_ status: Incident.Status, revision: Int64, at time: Timestamp) -> Incident {
        let series = SeriesID(metric: "latency", labels: [:])
        let anomaly = Anomaly(
            id: "ANO-1", series: series, entity: Stage.target, unit: "seconds",
            status: status == .resolved ? .closed : .open, started: time, detected: time, updated: time,
            ended: status == .resolved ? time : nil, value: 500, expected: 100, lower: 90, upper: 110,
            relativeDeviation: 4, score: 0.9, members: ["mad": 0.9], severity: .high, forecast: nil,
            window: [SamplePoint(time: time, value: 500)], baselineConfidence: 1)
        return Incident(
            id: "INC-1", revision: revision, status: status, entity: Stage.target, title: "web: latency",
            severity: .high, started: time, detected: time, updated: time,
            resolved: status == .resolved ? time : nil, anomalies: [anomaly],
            suspects: [
                Suspect(
                    entity: Stage.target, cause: "latency", score: 0.9,
                    evidence: [Evidence(statement: "it is slow", source: "ANO-1", weight: 0.3)])
            ])
    }

    package static func entry(_ incident: Incident, at time: Timestamp) throws -> [Field] {
        try Envelope(
            incident, id: "\(incident.id)-\(incident.revision)", source: "sre-analyzer", time: time,
            trace: TraceContext(seed: incident.id)
        ).fields
    }

    static let runbook = Runbook(
        name: "proof", title: "Scale {name}", match: .init(causes: ["latency"]),
        steps: [
            .init(description: "Add one", type: .scale, parameters: ["replicas": "+1"], timeoutSeconds: 30)
        ],
        verification: .init(scrapes: 3, intervalSeconds: 15, timeoutSeconds: 120), reversibility: 1, blastRadius: 0.1)
}

extension Stage {
    /// A planner's session, restored.
    func planner(probe: @escaping @Sendable (PlannerPoint) async throws -> Void = { _ in }) async throws
        -> PlannerSession
    {
        let policy = policy.withLock { $0 }
        var session = PlannerSession(
            partition: partition,
            context: .init(
                maker: {
                    PlanMaker(runbooks: [PlannerStage.runbook], policy: policy, autoRemediationEnabled: false)
                },
                surveyor: KubernetesSurveyor(
                    client: client("planner"), digest: SHA256Digest(), executor: Self.executorUser),
                signer: planner, digest: SHA256Digest(), now: { self.now }, probe: probe),
            store: store, keys: keys)
        try await session.restore(nil)
        return session
    }

    /// Lets a planner process one entry and commit what comes of it; a lost race is tried anew, as by the next session.
    func plan(_ topic: Topic, _ fields: [Field]) async throws {
        for _ in 0..<20 {
            var session = try await planner()
            let transaction = try await session.process(
                StreamEntry(id: EntryID(milliseconds: 1, sequence: 0), fields: fields), topic: topic)
            guard !transaction.isEmpty else { return }
            if case .committed = try await store.transition(transaction) { return }
        }
    }
}
