import Decision
import Foundation
import KubeSimulator
import Kubernetes
import Model
import Remediation
import Testing

private let path = "/apis/apps/v1/namespaces/shop/deployments/web"

@Suite(.timeLimit(.minutes(2))) struct ObjectTargetTests {
    @Test func aDryRunShowsTheDifferenceAndChangesNothing() async throws {
        let estate = Estate()
        let (scale, survey) = await estate.request(.scale, ["replicas": "+2"])
        #expect(scale.action.parameters["replicas"] == "5")
        #expect(survey.impact.changes.map(\.path) == ["spec.replicas"])
        #expect(survey.impact.changes.first?.before == "3" && survey.impact.changes.first?.after == "5")
        guard case .ready(let text, let backup) = await estate.target.prepare(scale) else { Issue.record(); return }
        #expect(text == "spec.replicas 3 → 5")
        // What a person needs to put the object back: all of it, and nothing that the server counts.
        let manifest = try JSONValue(json: Data(try #require(backup).manifest))
        #expect(manifest["spec"] == estate.deployment["spec"])
        #expect(manifest[path: ["metadata", "uid"]] == estate.deployment[path: ["metadata", "uid"]])
        #expect(manifest[path: ["metadata", "resourceVersion"]] == nil && manifest["status"] == nil)
        #expect(await estate.target.inspect(scale) == .untouched)
        #expect(estate.server.log.isEmpty)
    }

    /// The table of API answers, for each action that is a change to one object.
    @Test(arguments: [
        [], [Fault(.status, status: 409)], [Fault(.status, status: 429, retryAfter: 0)],
        [Fault(.status, status: 500)], [Fault(.statusAfter, status: 500)], [Fault(.timeoutBefore)],
        [Fault(.timeoutAfter)], [Fault(.truncated)], [Fault(.slow, milliseconds: 20_000)],
        [Fault(.status, status: 409), Fault(.status, status: 503), Fault(.timeoutAfter)],
        [Fault(.timeoutBefore), Fault(.statusAfter, status: 504)],
        [Fault(.timeoutAfter), Fault(.status, status: 500, verb: "get")],
    ])
    func eachOperationIsAppliedOnceWhateverTheServerAnswers(faults: [Fault]) async throws {
        for (type, parameters) in [(ActionType.scale, ["replicas": "+1"]), (.rolloutRestart, [:])] {
            let estate = Estate()
            let (request, _) = await estate.request(type, parameters)
            estate.server.add(faults: faults)
            switch await estate.perform(request) {
            case .applied(let change), .adopted(let change): #expect(change.isSettled)
            case let result: Issue.record("\(type) \(faults): \(result)")
            }
            #expect(estate.effects == [request.operationID], "\(type) \(faults)")
            guard case .applied = await estate.target.inspect(request) else { Issue.record(); return }
            guard case .adopted = await estate.perform(request) else { Issue.record("repeated"); return }
            #expect(estate.effects.count == 1)
        }
    }

    @Test(arguments: [400, 403, 422])
    func permanentAnswersAreNotRepeated(status: Int) async throws {
        let estate = Estate()
        let (request, _) = await estate.request(.rolloutRestart)
        estate.server.add(faults: [Fault(.status, status: status)])
        guard case .refused(let reason) = await estate.perform(request) else { Issue.record(); return }
        #expect(reason.contains("\(status)"))
        #expect(estate.effects.isEmpty)
    }

    /// A person, an autoscaler or a deployment tool at the worst moment.
    @Test(arguments: [Adversary.Moment.before, .after])
    func nobodyElsesChangeIsOverwritten(moment: Adversary.Moment) async throws {
        let image: JSONValue = ["spec": ["template": ["spec": ["containers": [["name": "web", "image": "web:hot"]]]]]]
        // Between approval and execution.
        let early = Estate()
        let (request, _) = await early.request(.rolloutRestart)
        early.server.add(adversary: Adversary(moment, "get", "deployments", path: path, patch: image))
        switch await early.perform(request) {
        case .stale: break
        case let result: Issue.record("\(result)")
        }
        #expect(early.effects.isEmpty)
        // Between reading and patching.
        let late = Estate()
        let (second, _) = await late.request(.scale, ["replicas": "4"])
        let patch: JSONValue = ["spec": ["replicas": 7]]
        late.server.add(adversary: Adversary(.before, "patch", "deployments", path: path, patch: patch))
        guard case .stale = await late.perform(second) else { Issue.record(); return }
        #expect(late.deployment[path: ["spec", "replicas"]] == 7)
        #expect(late.effects.isEmpty)
    }

    @Test func aChangeThatDoesNotMatterIsOnlyAReasonToReadAgain() async throws {
        let estate = Estate()
        let (request, _) = await estate.request(.scale, ["replicas": "4"])
        let label: JSONValue = ["metadata": ["labels": ["seen": "yes"]]]
        estate.server.add(adversary: Adversary(.before, "patch", "deployments", path: path, patch: label))
        guard case .applied = await estate.perform(request) else { Issue.record(); return }
        #expect(estate.effects == [request.operationID])
    }

    @Test func anUnknownOutcomeOverSomebodyElsesChangeParks() async throws {
        let estate = Estate()
        let (request, _) = await estate.request(.scale, ["replicas": "4"])
        estate.server.add(faults: [Fault(.timeoutBefore)])
        estate.server.add(
            adversary: Adversary(
                .before, "get", "deployments", path: path, patch: ["spec": ["replicas": 9]], skip: 1))
        guard case .unknown = await estate.perform(request) else { Issue.record(); return }
        #expect(estate.deployment[path: ["spec", "replicas"]] == 9)
    }

    @Test func anotherObjectOfTheSameNameIsNotTheTarget() async throws {
        let estate = Estate()
        let (request, _) = await estate.request(.rolloutRestart)
        estate.server.add(adversary: Adversary(.before, "list", "pods", path: path, patch: .null))
        _ = try await estate.client.list("/api/v1/namespaces/shop/pods")
        guard case .stale = await estate.perform(request) else { Issue.record(); return }
        estate.server.load([SampleEstate.deployment("web", image: "web:1", replicas: 3)])
        guard case .stale(let reason) = await estate.perform(request) else { Issue.record(); return }
        #expect(reason.contains("another object"))
    }

    @Test func rollsBackToTheRevisionBeforeWithoutItsHash() async throws {
        let estate = Estate()
        estate.server.load([SampleEstate.deployment("web", image: "web:2", replicas: 3)])
        let (request, survey) = await estate.request(.rollbackRevision, ["revision": "previous"])
        #expect(request.action.parameters["revision"] == "1" && request.action.parameters["template"] != nil)
        #expect(survey.impact.changes.first?.after.contains("web:1") == true)
        guard case .applied(let change) = await estate.perform(request) else { Issue.record(); return }
        #expect(change.isSettled)
        let template = estate.deployment[path: ["spec", "template"]] ?? .null
        #expect(template[path: ["metadata", "labels", "pod-template-hash"]] == nil)
        #expect(template.text.contains("web:1"))
        let (_, unknown) = await estate.request(.rollbackRevision, ["revision": "99"])
        #expect(unknown.objections.first?.contains("there is no revision '99'") == true)
    }

    @Test func aTemplateThatIsNotThePlansIsRefused() async throws {
        let estate = Estate()
        estate.server.load([SampleEstate.deployment("web", image: "web:2", replicas: 3)])
        var (request, _) = await estate.request(.rollbackRevision, ["revision": "1"])
        request.action.parameters["template"] = String(repeating: "0", count: 64)
        guard case .refused = await estate.perform(request) else { Issue.record(); return }
        #expect(estate.effects.isEmpty)
    }

    @Test func anAutoscalerIsChangedOrRespected() async throws {
        let estate = Estate(SampleEstate.autoscaler("web", of: "web", 2...5))
        let (_, refused) = await estate.request(.scale, ["replicas": "6"])
        #expect(refused.objections.first?.contains("autoscaler web owns") == true)
        #expect(refused.impact.conflicts.contains { $0.contains("keeps 2 to 5 replicas") })
        let (request, survey) = await estate.request(.scale, ["replicas": "6", "autoscaler": "bounds"])
        #expect(survey.objections.isEmpty)
        guard case .applied = await estate.perform(request) else { Issue.record(); return }
        #expect(estate.deployment[path: ["spec", "replicas"]] == 6)
        // One that came after the plan was made.
        let plain = Estate()
        let (scale, _) = await plain.request(.scale, ["replicas": "6"])
        plain.server.load([SampleEstate.autoscaler("web", of: "web", 2...5)])
        guard case .refused = await plain.perform(scale) else { Issue.record(); return }
        #expect(plain.effects.isEmpty)
    }

    @Test func aConfigurationComesBackAndSecretsStaySecret() async throws {
        let estate = Estate(
            SampleEstate.configMap("settings", ["level": "debug", "extra": "1"]),
            SampleEstate.configMap("settings-v1", ["level": "info"]))
        let (request, survey) = await estate.request(
            .rollbackConfig, ["name": "settings", "source": "settings-v1"])
        #expect(survey.impact.changes.map(\.path).sorted() == ["data.extra", "data.level"])
        guard case .applied = await estate.perform(request) else { Issue.record(); return }
        let data = estate.server.object("configmaps", namespace: "shop", name: "settings")?["data"]
        #expect(data == ["level": "info"])
        var secret = SampleEstate.configMap("key", ["password": "aHVudGVyMg=="])
        var older = SampleEstate.configMap("key-v1", ["password": "b2xk"])
        secret["kind"] = "Secret"
        older["kind"] = "Secret"
        let vault = Estate(secret, older)
        let (change, planned) = await vault.request(
            .rollbackConfig, ["kind": "Secret", "name": "key", "source": "key-v1"])
        #expect(planned.objections.isEmpty)
        #expect(!"\(planned)".contains("aHVudGVyMg") && !"\(change)".contains("b2xk"))
        guard case .ready(let text, let backup) = await vault.target.prepare(change) else { Issue.record(); return }
        #expect(!text.contains("aHVudGVyMg"))
        // What a secret holds is not backed up anywhere.
        #expect(backup == nil)
    }

    @Test func trafficIsShiftedByWeightsOrSelector() async throws {
        let backends: JSONValue = [["name": "stable", "weight": 50], ["name": "canary", "weight": 50]]
        let route: JSONValue = [
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": ["name": "web", "namespace": "shop"], "spec": ["rules": [["backendRefs": backends]]],
        ]
        let service: JSONValue = [
            "apiVersion": "v1", "kind": "Service", "metadata": ["name": "web", "namespace": "shop"],
            "spec": ["selector": ["app": "web", "version": "canary"]],
        ]
        let virtual: JSONValue = [
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": ["name": "web", "namespace": "shop"],
            "spec": [
                "http": [
                    [
                        "route": [
                            ["destination": ["host": "web", "subset": "v1"], "weight": 80],
                            ["destination": ["host": "web", "subset": "v2"], "weight": 20],
                        ]
                    ]
                ]
            ],
        ]
        let estate = Estate(route, service, virtual)
        let (weights, survey) = await estate.request(
            .shiftTraffic, ["route": "HTTPRoute", "name": "web", "weights": "stable=100,canary=0"])
        #expect(survey.impact.traffic == 0.5)
        guard case .applied = await estate.perform(weights) else { Issue.record(); return }
        let (mesh, moved) = await estate.request(
            .shiftTraffic, ["route": "VirtualService", "name": "web", "weights": "v1=100,v2=0"], plan: "bb")
        #expect(abs(moved.impact.traffic - 0.2) < 1e-9)
        guard case .applied = await estate.perform(mesh) else { Issue.record(); return }
        let (selector, _) = await estate.request(
            .shiftTraffic, ["route": "Service", "name": "web", "selector": "app=web,version=stable"], plan: "cc")
        guard case .applied = await estate.perform(selector) else { Issue.record(); return }
        #expect(
            estate.server.object("services", namespace: "shop", name: "web")?[path: ["spec", "selector"]]
                == ["app": "web", "version": "stable"])
        let (_, unknown) = await estate.request(
            .shiftTraffic, ["route": "HTTPRoute", "name": "web", "weights": "stable=1,other=1"])
        #expect(unknown.objections.first?.contains("no rule has exactly the backends") == true)
    }

    @Test func whatAnotherToolManagesIsLeftToIt() async throws {
        let estate = Estate()
        estate.server.add(
            adversary: Adversary(
                .before, "list", "pods", path: path, patch: ["spec": ["replicas": 2]], manager: "argocd-controller"))
        _ = try await estate.client.list("/api/v1/namespaces/shop/pods")
        let (_, survey) = await estate.request(.scale, ["replicas": "6"])
        #expect(survey.objections.first?.contains("managed by argocd-controller") == true)
    }

    /// Deployment tools leave marks; what they manage is changed at its source.
    @Test(arguments: [
        ("labels", "app.kubernetes.io/managed-by", "Helm", "Helm"),
        ("annotations", "meta.helm.sh/release-name", "web", "Helm"),
        ("labels", "argocd.argoproj.io/instance", "web", "Argo CD"),
        ("annotations", "argocd.argoproj.io/tracking-id", "web:apps/Deployment:shop/web", "Argo CD"),
        ("labels", "kustomize.toolkit.fluxcd.io/name", "apps", "Flux"),
        ("labels", "helm.toolkit.fluxcd.io/name", "web", "Flux"),
    ])
    func theMarksOfDeploymentToolsAreSeen(field: String, key: String, value: String, tool: String) async throws {
        let estate = Estate()
        _ = try await estate.client.patch(
            "/apis/apps/v1/namespaces/shop/deployments/web", ["metadata": [field: [key: .string(value)]]])
        let (_, survey) = await estate.request(.scale, ["replicas": "+1"])
        #expect(survey.objections.contains { $0.contains("managed by \(tool)") && $0.contains("at its source") })
    }

    @Test func aPlanForAnotherObjectIsRefused() async throws {
        let estate = Estate()
        var (request, _) = await estate.request(.rolloutRestart)
        request.target.name = "other"
        guard case .refused = await estate.perform(request) else { Issue.record(); return }
        request.target.name = "../secrets"
        guard case .refused = await estate.perform(request) else { Issue.record(); return }
        request.action.pin = nil
        guard case .refused = await estate.perform(request) else { Issue.record(); return }
        #expect(estate.effects.isEmpty)
    }

    @Test func aFreezeHoldsBackTheRequest() async throws {
        let estate = Estate()
        let (request, _) = await estate.request(.rolloutRestart, timeout: 1)
        guard case .refused("frozen") = await estate.target.perform(request, brake: { "frozen" }) else {
            Issue.record(); return
        }
        #expect(estate.effects.isEmpty)
    }
}

@Suite(.timeLimit(.minutes(2))) struct PodTargetTests {
    private func pods(_ estate: Estate) -> [String] {
        estate.server.objects("pods", namespace: "shop").compactMap { $0[path: ["metadata", "name"]]?.string }
    }

    @Test(arguments: [
        [], [Fault(.timeoutAfter)], [Fault(.timeoutBefore)], [Fault(.status, status: 500)],
        [Fault(.status, status: 429, retryAfter: 0)],
    ])
    func aPodIsRestartedOnce(faults: [Fault]) async throws {
        let estate = Estate()
        let before = pods(estate)
        let (request, _) = await estate.request(.restartPod, ["pod": "oldest"])
        estate.server.add(faults: faults)
        switch await estate.pods.perform(request, brake: { nil }) {
        case .applied, .adopted: break
        case let result: Issue.record("\(result)")
        }
        #expect(pods(estate).count == 3)
        #expect(Set(before).intersection(pods(estate)).count == 2)
        #expect(estate.server.log.count { $0.subresource == "eviction" } == 1)
        guard case .applied = await estate.pods.inspect(request) else { Issue.record(); return }
    }

    /// What others rolled out within the hour raises the risk; the agent's own restarts are counted as executions.
    @Test func rolloutsOfOthersAreCounted() async throws {
        let estate = Estate()
        #expect(await estate.request(.rolloutRestart).survey.recentRollouts == 1, "it was made just now")
        let path = "/apis/apps/v1/namespaces/shop/deployments/web"
        func template(_ change: JSONValue) async throws {
            _ = try await estate.client.patch(path, ["spec": ["template": change]])
        }
        try await template(["metadata": ["annotations": ["kubectl.kubernetes.io/restartedAt": "2026-02-06T00:00:00Z"]]])
        #expect(await estate.request(.rolloutRestart).survey.recentRollouts == 2)
        try await template(["metadata": ["annotations": ["kubectl.kubernetes.io/restartedAt": "PLAN-1"]]])
        #expect(await estate.request(.rolloutRestart).survey.recentRollouts == 2)
        estate.server.setClockOffset(3_700)
        #expect(await estate.request(.rolloutRestart).survey.recentRollouts == 0)
    }

    @Test func aBudgetBlocksAndIsShown() async throws {
        let estate = Estate(SampleEstate.budget("web", app: "web", minimum: 3))
        let (request, survey) = await estate.request(.restartPod, ["pod": "oldest"], timeout: 1)
        #expect(survey.impact.conflicts.first?.contains("allows 0 disruptions") == true)
        #expect(survey.impact.conflicts.last?.contains("eviction is blocked now") == true)
        guard case .refused(let reason) = await estate.pods.perform(request, brake: { nil }) else {
            Issue.record(); return
        }
        #expect(reason.contains("disruption budget"))
        #expect(estate.server.log.isEmpty)
    }

    @Test func aNodeIsCordonedDrainedAndTakenBack() async throws {
        let estate = Estate()
        let node = Entity(cluster: "c", namespace: "shop", kind: "Node", name: "node-a")
        let (drain, survey) = await estate.request(.drain, on: node)
        let here = estate.server.objects("pods").count { $0[path: ["spec", "nodeName"]] == "node-a" }
        #expect(survey.impact.replicas == 3 && survey.impact.replicasTouched == here && here > 0)
        #expect(survey.impact.conflicts.contains { $0.contains("\(here) of 3") }, "\(survey.impact.conflicts)")
        guard case .stale = await estate.pods.prepare(drain) else { Issue.record(); return }
        let (cordon, _) = await estate.request(.cordon, on: node, plan: "bb")
        guard case .applied = await estate.perform(cordon) else { Issue.record(); return }
        guard case .ready = await estate.pods.prepare(drain) else { Issue.record(); return }
        switch await estate.pods.perform(drain, brake: { nil }) {
        case .applied, .adopted: break
        case let result: Issue.record("\(result)")
        }
        let places = estate.server.objects("pods").compactMap { $0[path: ["spec", "nodeName"]]?.string }
        #expect(places.count == 3 && places.allSatisfy { $0 == "node-b" })
        let (back, _) = await estate.request(.uncordon, on: node, plan: "cc")
        guard case .applied = await estate.perform(back) else { Issue.record(); return }
        #expect(estate.server.object("nodes", name: "node-a")?[path: ["spec", "unschedulable"]] == nil)
    }
}
