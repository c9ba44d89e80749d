import Decision
import KubeSimulator
import Kubernetes
import Model
import Remediation
import Signatures

/// A simulated cluster with a client, and steps as the surveyor resolves them.
struct Estate {
    let server = APIServer()
    let client: KubernetesClient
    let target: ObjectTarget
    let pods: PodTarget
    let surveyor: KubernetesSurveyor

    static let shop = Entity(cluster: "c", namespace: "shop", kind: "Deployment", name: "web")

    init(_ extra: JSONValue..., token: String = APIServer.adminToken) {
        server.load(SampleEstate.objects + extra)
        client = KubernetesClient(
            KubernetesAccess(server: "simulated", token: token), transport: SimulatedTransport(server),
            requestsPerSecond: 1e6, burst: 1_000)
        target = ObjectTarget(client: client, digest: SHA256Digest(), sleep: { _ in await Task.yield() })
        pods = PodTarget(client: client, sleep: { _ in await Task.yield() })
        surveyor = KubernetesSurveyor(client: client, digest: SHA256Digest())
    }

    /// A request for a step as it is planned now.
    func request(
        _ type: ActionType, _ parameters: [String: String] = [:], on entity: Entity = shop, plan: String = "aa",
        timeout: Int = 3_600
    ) async -> (request: ActionRequest, survey: Survey) {
        let step = Step(
            index: 0, description: "", action: Action(type: type, parameters: parameters), timeoutSeconds: timeout)
        let survey = await surveyor.survey(PlanDraft(target: entity, steps: [step], rollback: []))
        let request = ActionRequest(
            planHash: String(repeating: plan, count: 32), planID: "PLAN-\(plan)", phase: .step, index: 0,
            action: survey.steps[0].action, target: entity, timeoutSeconds: timeout, term: 1)
        return (request, survey)
    }

    func perform(_ request: ActionRequest) async -> ActionResult { await target.perform(request) { nil } }

    /// Operations that changed more than metadata, in order.
    var effects: [String] { server.log.filter { $0.changedSpecification && !$0.operation.isEmpty }.map(\.operation) }

    var deployment: JSONValue { server.object("deployments", group: "apps", namespace: "shop", name: "web") ?? .null }
}
