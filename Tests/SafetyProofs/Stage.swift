import Authority
import Bus
import Decision
import Foundation
import KubeSimulator
import Kubernetes
import Logging
import Model
import Remediation
import Signatures
import Synchronization
import WireFormat

/// A whole installation in memory: a cluster under the shipped roles, a store, a policy, people with keys, a planner's
/// view of the cluster, and executors that can die anywhere.
package final class Stage: Sendable {
    /// An executor died where the schedule said.
    package struct Died: Error {
        package init() {}
    }

    /// Namespace of everything.
    package static let namespace = "shop"
    /// The Deployment that is acted on.
    package static let target = Entity(cluster: "proof", namespace: namespace, kind: "Deployment", name: "web")
    /// Its path in the API.
    package static let path = "/apis/apps/v1/namespaces/shop/deployments/web"
    /// User of the executor in the cluster.
    package static let executorUser = "system:serviceaccount:sre-agent:sre-executor"
    /// Time at which stages begin.
    package static let start = Timestamp(milliseconds: 1_770_388_222_000)

    package let server = APIServer()
    package let keys: Keys
    package let planner = Ed25519Signer()
    package let jane = Ed25519Signer()
    package let john = Ed25519Signer()
    package let mary = Ed25519Signer()
    package let gateway = Ed25519Signer()
    package let policy: Mutex<Policy>
    /// Value that the metric shows; `nil` for no data.
    package let metric = Mutex<Double?>(100)
    /// Called with each look at a metric.
    package let onVerify = Mutex<(@Sendable (Stage) -> Void)?>(nil)
    /// Called whenever an executor waits, after the time has passed.
    package let onWait = Mutex<(@Sendable (Stage) async -> Void)?>(nil)
    /// The store as the running task sees it, where that is not as it is.
    @TaskLocal package static var view: (any BusStore)?
    private let base: any BusStore
    private let transport: any KubernetesTransport
    private let time: Mutex<Timestamp>
    private let isClockReal: Bool
    private let serial = Mutex<Int64>(0)

    /// A stage under the shipped roles, with the policy changed as told.
    ///
    /// - Parameters:
    ///   - store: default one in memory.
    ///   - keys: default those of an installation.
    ///   - transport: to a server of its own; default to ``server``.
    ///   - start: time at which the stage begins.
    ///   - isClockReal: time passes by itself.
    package init(
        store: any BusStore = ModelStore(), keys: Keys = Keys(), transport: (any KubernetesTransport)? = nil,
        start: Timestamp = start,
        isClockReal: Bool = false, change: (inout Policy) -> Void = { _ in }
    ) throws {
        base = store
        self.keys = keys
        self.transport = transport ?? SimulatedTransport(server)
        self.time = Mutex(start)
        self.isClockReal = isClockReal
        var policy = Policy(
            hash: "policy-1", namespaces: [Self.namespace],
            actions: Set(ActionType.allCases.filter(\.isKubernetes)),
            approvers: [
                .init(name: "jane@example.com", roles: ["approver", "break-glass"], keys: [jane.publicKey]),
                .init(name: "john@example.com", roles: ["approver"], keys: [john.publicKey]),
                .init(name: "mary@example.com", roles: ["approver"], keys: [mary.publicKey]),
            ], delegates: [gateway.publicKey], planners: [planner.publicKey], floors: [.scale: 0.6])
        policy.budgets = Budgets(
            perTargetAndHour: 100, perNamespaceAndHour: 100, concurrent: 100, replicaShare: 1, perApproverAndHour: 100)
        change(&policy)
        self.policy = Mutex(policy)
        server.load(SampleEstate.objects)
        server.load(try ShippedManifests.objects.get())
        server.add(token: "executor", .init(name: Self.executorUser))
        server.add(token: "planner", .init(name: "system:serviceaccount:sre-agent:sre-planner"))
    }

    /// The store, as the running task sees it.
    package var store: any BusStore { Self.view ?? base }

    /// Time of all clocks.
    package var now: Timestamp {
        isClockReal
            ? Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) : time.withLock { $0 }
    }

    /// Lets time pass.
    package func pass(seconds: Double) { time.withLock { $0 = $0.advanced(bySeconds: seconds) } }

    package var partition: Partition { Partition(of: Self.target) }

    func client(_ token: String) -> KubernetesClient {
        KubernetesClient(
            KubernetesAccess(server: "simulated", token: token), transport: transport,
            requestsPerSecond: 1e6, burst: 1_000_000)
    }

    package var verifier: Verifier {
        Verifier(
            policy: policy.withLock { $0 }, cluster: "proof", autoRemediationEnabled: false, digest: SHA256Digest(),
            signatures: Ed25519Verifier())
    }

    package var desk: ApprovalDesk {
        ApprovalDesk(store: store, keys: keys, partitions: 16, digest: SHA256Digest(), now: { self.now })
    }

    // MARK: Plans

    /// Two steps on one object, and one that undoes the first.
    package static let steps = [
        Action(type: .scale, parameters: ["replicas": "+1"]), Action(type: .rolloutRestart),
    ]
    package static let rollback = [Action(type: .scale, parameters: ["replicas": "-1"])]

    /// Files a plan as the planner does.
    package func propose(
        _ actions: [Action] = steps, rollback: [Action] = rollback, title: String = "Scale and restart",
        on target: Entity = target, change: (inout Plan) -> Void = { _ in }
    ) async throws -> PlanRecord {
        func steps(_ actions: [Action]) -> [Step] {
            actions.enumerated().map { index, action in
                Step(index: index, description: "\(action.type.rawValue)", action: action, timeoutSeconds: 30)
            }
        }
        let surveyor = KubernetesSurveyor(
            client: client("planner"), digest: SHA256Digest(), executor: Self.executorUser)
        let survey = await surveyor.survey(
            PlanDraft(target: target, steps: steps(actions), rollback: steps(rollback)))
        guard survey.objections.isEmpty else { throw ProofError("the survey objects: \(survey.objections)") }
        let policy = policy.withLock { $0 }
        let floor = policy.floor(of: survey.steps + survey.rollback, on: target, labels: survey.labels)
        let score = max(0.65, floor)
        var plan = Plan(
            incidentID: "INC-1", incidentRevision: 1, target: target, runbook: "proof", title: title,
            why: ["it is slow"], created: now, expires: now.advanced(bySeconds: Double(policy.planLifetimeSeconds)),
            risk: RiskAssessment(score: score, floor: floor, band: RiskBand(score: score), factors: []),
            steps: survey.steps, rollback: survey.rollback,
            verification: Verification(
                series: SeriesID(metric: "latency", labels: [:]), lower: nil, upper: 110, scrapes: 3,
                intervalSeconds: 15, timeoutSeconds: 120),
            quorum: 1, policyHash: policy.hash, requester: "sre-planner", impact: survey.impact)
        change(&plan)
        return try await file(plan)
    }

    /// Files a plan with a signature of the planner.
    package func file(_ plan: Plan) async throws -> PlanRecord {
        let identity = try PlanIdentity(plan, digest: SHA256Digest())
        let key = keys.plan(identity.hash, partition)
        let fields = PlanRecord.fields(
            identity, plan: plan, state: .awaiting, plannerSignature: try planner.sign(Array(identity.hash.utf8)),
            reason: "", traceparent: TraceContext(seed: identity.hash))
        _ = try await store.transition(
            Transaction(changes: [
                .set(key: key, fields: fields),
                .rank(key: keys.planIndex(partition), member: identity.hash, score: plan.created.rawValue),
                .rank(key: keys.approvalQueue(partition), member: identity.hash, score: plan.expires.rawValue),
            ]))
        return try await record(identity.hash)
    }

    /// A plan's record as it stands in the store.
    package func record(_ hash: String) async throws -> PlanRecord {
        try PlanRecord(hash: hash, fields: try await store.fields(keys.plan(hash, partition)))
    }

    /// More Deployments beside ``target``, each with three replicas, in its namespace.
    package static func neighbours(_ count: Int) -> (targets: [Entity], objects: [JSONValue]) {
        let names = (0..<count).map { "web-\($0)" }
        return (
            names.map { Entity(cluster: "proof", namespace: namespace, kind: "Deployment", name: $0) },
            names.map { SampleEstate.deployment($0, image: "web:1", replicas: 3) }
        )
    }

    /// Signs and hands in a statement.
    @discardableResult
    package func say(
        _ verdict: Verdict, about record: PlanRecord, by person: String = "jane@example.com",
        signer: Ed25519Signer? = nil, role: String = Verifier.approverRole
    ) async throws -> ApproveResult {
        let maker = StatementMaker(
            cluster: "proof", policyHash: policy.withLock { $0.hash }, digest: SHA256Digest())
        let nonce = serial.withLock { serial in
            serial += 1
            return String(repeating: "0", count: 31) + String(serial % 16, radix: 16)
        }
        let (signed, statement) = try maker.make(
            verdict, about: record, plan: try record.plan(), approver: person, role: role, comment: "",
            nonce: nonce, signer: signer ?? (person.hasPrefix("john") ? john : person.hasPrefix("mary") ? mary : jane),
            now: now)
        return try await desk.submit(signed, statement, about: FiledPlan(record: record, partition: partition))
    }

    // MARK: Execution

    /// Lets one incarnation of the executor process all decisions; ends as it ends.
    ///
    /// - Parameters:
    ///   - term: of leadership; larger than that of every incarnation before.
    ///   - targets: what it acts on; default the cluster.
    ///   - claims: where it keeps its claims; default in the cluster.
    ///   - probe: called at each crash point; throws to let the incarnation die.
    package func execute(
        term: Int64, targets: [any ActionTarget]? = nil, claims: (any ClaimStore)? = nil,
        probe: @escaping @Sendable (CrashPoint) async throws -> Void = { _ in }
    ) async throws {
        let client = client("executor")
        let now: @Sendable () -> Timestamp = { self.now }
        var logger = Logger(label: "proof")
        logger.logLevel = .critical
        let context = ExecutorSession.Context(
            verifier: { self.verifier },
            targets: targets ?? [
                ObjectTarget(client: client, digest: SHA256Digest(), sleep: { _ in await Task.yield() }),
                PodTarget(client: client, sleep: { _ in await Task.yield() }),
                NoticeTarget(store: store, keys: keys, partitions: 16, now: now),
            ], metrics: self, claims: claims ?? KubernetesClaims(client: client, namespace: "sre-agent"),
            holder: "executor-\(term)", term: term, clocks: ClockPanel([.init("proof") { self.now }]),
            brake: FreezeSwitch(store: store, keys: keys).brake, digest: SHA256Digest(), now: now,
            sleep: { duration in
                self.pass(seconds: duration / .seconds(1))
                if let hook = self.onWait.withLock({ $0 }) { await hook(self) }
            },
            // A plan that dies takes the whole incarnation with it.
            probe: { point in
                do {
                    try await probe(point)
                } catch {
                    throw CancellationError()
                }
            }, logger: logger)
        let key = keys.lease(ExecutorSession.role, partition)
        guard
            case .taken(let lease) = try await store.takeLease(
                key, owner: "executor-\(term)", expected: try await store.lease(key))
        else { throw ProofError("the lease was not free") }
        let proof = LeaseProof(key: key, owner: lease.owner, token: lease.token)
        var session = ExecutorSession(
            partition: partition, lease: proof, context: context, store: store, keys: keys)
        try await session.restore(nil)
        for entry in try await store.entries(keys.stream(.decisions, partition), after: .zero, limit: 10_000) {
            do {
                _ = try await session.process(entry, topic: .decisions)
            } catch is UnreadableEntry {
                continue
            }
        }
        session.close()
        await session.companion?()
        _ = try await session.elapse()
    }

    /// Effects of the executor on workloads, in order.
    package var effects: [Effect] {
        server.log.filter {
            $0.user == Self.executorUser && $0.resource != "leases.coordination.k8s.io" && $0.changedSpecification
        }
    }

    /// The Deployment as it stands.
    package var deployment: JSONValue {
        server.object("deployments", group: "apps", namespace: Self.namespace, name: "web") ?? .null
    }
}

extension Stage: MetricReader {
    package func current(_ series: SeriesID) async throws -> SamplePoint? {
        onVerify.withLock { $0 }?(self)
        return metric.withLock { $0 }.map { SamplePoint(time: now, value: $0) }
    }
}

/// A proof could not be carried out.
package struct ProofError: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
