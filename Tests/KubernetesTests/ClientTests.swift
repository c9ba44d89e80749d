import Authority
import Bus
import Decision
import Foundation
import KubeSimulator
import Kubernetes
import Model
import Remediation
import Signatures
import Testing

@Suite(.timeLimit(.minutes(2))) struct ClientTests {
    @Test func listsInChunksAndBeginsAnewWhenTheServerForgot() async throws {
        let estate = Estate()
        for index in 0..<25 { estate.server.load([SampleEstate.configMap("c\(index)", [:])]) }
        let path = "/api/v1/namespaces/shop/configmaps"
        #expect(try await estate.client.list(path, chunk: 10).items.count == 25)
        #expect(try await estate.client.list(path, fields: "metadata.name=c7").items.map(\.name) == ["c7"])
        // Every continued chunk is refused with 410.
        estate.server.add(faults: [Fault(.status, status: 410, verb: "list", skip: 1)])
        #expect(try await estate.client.list(path, chunk: 10).items.count == 25)
    }

    @Test func readsAreTriedAgainAndWritesAreNot() async throws {
        let estate = Estate()
        estate.server.add(faults: [Fault(.status, status: 503, verb: "get"), Fault(.timeoutBefore, verb: "get")])
        #expect(try await estate.client.get("/api/v1/nodes/node-a").name == "node-a")
        estate.server.add(faults: [Fault(.status, status: 503)])
        await #expect(throws: KubernetesError.self) {
            try await estate.client.patch("/api/v1/nodes/node-a", ["metadata": ["labels": ["a": "b"]]])
        }
        #expect(estate.server.log.isEmpty)
    }

    @Test func strictValidationNamesTheUnknownField() async throws {
        let estate = Estate()
        let patch: JSONValue = ["spec": ["replcas": 3]]
        await #expect {
            try await estate.client.patch("/apis/apps/v1/namespaces/shop/deployments/web", patch)
        } throws: { "\($0)".contains("unknown field \"spec.replcas\"") }
    }

    @Test func fieldsThatOthersApplyAreAConflict() async throws {
        let estate = Estate()
        let path = "/api/v1/namespaces/shop/configmaps/settings"
        let object: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "settings"], "data": ["level": "info"],
        ]
        _ = try await estate.client.apply(path, object)
        let other: JSONValue = ["data": ["level": "debug"]]
        estate.server.add(
            adversary: Adversary(.before, "list", "pods", path: path, patch: other, manager: "argocd-controller"))
        _ = try await estate.client.list("/api/v1/pods")
        await #expect { try await estate.client.apply(path, object) } throws: { "\($0)".contains("argocd-controller") }
    }

    @Test func rightsAreThoseOfTheRoles() async throws {
        let role: JSONValue = [
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": ["name": "reader", "namespace": "shop"],
            "rules": [["apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]]],
        ]
        let binding: JSONValue = [
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": ["name": "reader", "namespace": "shop"],
            "roleRef": ["kind": "Role", "name": "reader"],
            "subjects": [["kind": "ServiceAccount", "name": "agent", "namespace": "sre-agent"]],
        ]
        let estate = Estate(role, binding, token: "agent-token")
        estate.server.add(token: "agent-token", .init(name: "system:serviceaccount:sre-agent:agent"))
        func may(_ verb: String, _ namespace: String) async throws -> Bool {
            try await estate.client.mayI(
                AccessQuestion(verb, group: "apps", resource: "deployments", namespace: namespace))
        }
        #expect(try await may("get", "shop"))
        #expect(try await !may("patch", "shop"))
        #expect(try await !may("get", "other"))
        await #expect { try await estate.client.get("/api/v1/nodes/node-a") } throws: { "\($0)".contains("403") }
    }

    @Test func aRotatedTokenIsReadAgain() async throws {
        let server = APIServer()
        server.load(SampleEstate.objects)
        let file = NSTemporaryDirectory() + "token-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "first\n".write(toFile: file, atomically: true, encoding: .utf8)
        server.add(token: "first", .administrator)
        let client = KubernetesClient(
            KubernetesAccess(server: "simulated", tokenFile: file), transport: SimulatedTransport(server))
        _ = try await client.get("/api/v1/nodes/node-a")
        server.revoke(token: "first")
        server.add(token: "second", .administrator)
        await #expect(throws: KubernetesError.self) { try await client.get("/api/v1/nodes/node-a") }
        try "second\n".write(toFile: file, atomically: true, encoding: .utf8)
        _ = try await client.get("/api/v1/nodes/node-a")
    }

    @Test func aCredentialPluginGivesTheToken() async throws {
        let server = APIServer()
        server.load(SampleEstate.objects)
        let answer =
            #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"fake-token"}}"#
        func client(_ script: String) -> KubernetesClient {
            var access = KubernetesAccess(server: "simulated")
            access.plugin = CredentialPlugin(
                command: "/bin/sh", arguments: ["-c", script], environment: ["ANSWER": answer],
                apiVersion: "client.authentication.k8s.io/v1")
            return KubernetesClient(access, transport: SimulatedTransport(server))
        }
        _ = try await client(#"printf %s "$ANSWER""#).get("/api/v1/nodes/node-a")
        for (script, problem) in [
            (#"printf %s "$ANSWER" | sed s/v1/v9/"#, "did not print"), ("echo hello", "did not print"),
            (#"printf %s "$ANSWER" | sed s/fake-token//"#, "gave neither a token nor a certificate"),
            (
                #"printf %s "$ANSWER" | sed 's/"token":"fake-token"/"clientCertificateData":"x"/'"#,
                "without its key"
            ),
            (
                #"printf %s "$ANSWER" | sed 's/"token":"fake-token"/"token":"fake-token","clientKeyData":"x"/'"#,
                "without its certificate"
            ),
        ] {
            await #expect { try await client(script).get("/api/v1/nodes/node-a") } throws: {
                "\($0)".contains(problem)
            }
        }
        await #expect { try await client("echo secret; exit 1").get("/api/v1/nodes/node-a") } throws: { error in
            "\(error)".contains("failed") && !"\(error)".contains("secret")
        }
    }

    @Test func tellsTheServersTimeAndResources() async throws {
        let estate = Estate()
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        #expect(abs(try await estate.client.time().rawValue - now) < 5_000)
        #expect(try await estate.client.resources(of: "apps/v1").contains("deployments"))
        #expect(try await estate.client.resources(of: "none.example/v1").isEmpty)
    }

    @Test func followsACollectionOverBookmarksAnd410() async throws {
        let estate = Estate()
        let reflector = Reflector(client: estate.client, path: "/api/v1/namespaces/shop/configmaps")
        let (events, continuation) = AsyncStream.makeStream(of: String.self)
        let task = Task {
            await reflector.run { event in
                switch event {
                case .listed(let objects): continuation.yield("listed \(objects.count)")
                case .changed(let object): continuation.yield("changed \(object.name)")
                case .removed(let object): continuation.yield("removed \(object.name)")
                case .interrupted(let reason): continuation.yield("interrupted \(reason)")
                }
            }
        }
        defer { task.cancel() }
        var iterator = events.makeAsyncIterator()
        #expect(await iterator.next() == "listed 0")
        estate.server.load([SampleEstate.configMap("a", [:])])
        #expect(await iterator.next() == "changed a")
        estate.server.sendBookmarks()
        // The watch ends with 410 when its version is forgotten, and the collection is listed again.
        estate.server.load([SampleEstate.node("node-c")])
        estate.server.compact()
        estate.server.load([SampleEstate.configMap("b", [:])])
        var seen: [String] = []
        while let event = await iterator.next() {
            seen.append(event)
            if event == "changed b" || event == "listed 2" { break }
        }
        #expect(!seen.isEmpty)
    }
}

@Suite(.timeLimit(.minutes(2))) struct ClaimTests {
    private static let now = Timestamp(milliseconds: 1_770_388_222_000)

    private func claim(_ holder: String, term: Int64, _ state: PlanState = .running) -> Claim {
        let hash = String(repeating: "ab", count: 32)
        return Claim(
            planHash: hash, holder: holder, term: term, expires: Self.now.advanced(bySeconds: 600),
            claimed: Self.now,
            progress: Outcome(
                planID: "PLAN-1", planHash: hash, incidentID: "INC-1", target: Estate.shop, state: state, detail: "",
                steps: [], time: Self.now, runbook: "r"))
    }

    @Test func claimsAreReadFromTheListThatKubectlPrints() async throws {
        let estate = Estate()
        let claims = KubernetesClaims(client: estate.client, namespace: "sre-agent")
        let made = try #require(try await claims.create(claim("one", term: 1)))
        let path = "/apis/coordination.k8s.io/v1/namespaces/sre-agent/leases"
        let other: JSONValue = [
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": ["name": "leader", "namespace": "sre-agent"], "spec": ["holderIdentity": "x"],
        ]
        _ = try await estate.client.create(path, other)
        let items = try await estate.client.list(path).items.map(\.value)
        let list: JSONValue = ["kind": "List", "items": .array(items)]
        #expect(try KubernetesClaims.claims(inList: try JSONEncoder().encode(list)) == [made])
        for bad in ["", "null", "[]", "{}", #"{"items":{}}"#] {
            #expect(throws: KubernetesError.self) { try KubernetesClaims.claims(inList: Data(bad.utf8)) }
        }
        let broken = String(decoding: try JSONEncoder().encode(list), as: UTF8.self)
            .replacing("leaseTransitions", with: "transitions")
        #expect(throws: KubernetesError.self) { try KubernetesClaims.claims(inList: Data(broken.utf8)) }
    }

    @Test func thereIsOneClaimAndOnlyItsVersionIsReplaced() async throws {
        let estate = Estate()
        let claims = KubernetesClaims(client: estate.client, namespace: "sre-agent")
        let first = claim("one", term: 1)
        let made = try #require(try await claims.create(first))
        #expect(try await claims.create(claim("two", term: 2)) == nil)
        #expect(try await claims.read(first.planHash, target: Estate.shop)?.holder == "one")
        var next = made
        next.holder = "two"
        let taken = try #require(try await claims.replace(next))
        #expect(try await claims.replace(made) == nil)
        #expect(try await claims.recent(Estate.shop, since: Self.now) == [taken])
        #expect(
            estate.server.object(
                "leases", group: "coordination.k8s.io", namespace: "sre-agent",
                name: "sre-x-" + String(repeating: "ab", count: 20))
                != nil)
    }

    @Test func oldClaimsGoOnlyADayAfterTheirPlans() async throws {
        let estate = Estate()
        let claims = KubernetesClaims(client: estate.client, namespace: "sre-agent")
        var made = try #require(try await claims.create(claim("one", term: 1)))
        let late = Self.now.advanced(bySeconds: 600 + 86_401)
        #expect(try await claims.sweep(now: late) == 0)
        made.progress.state = .succeeded
        _ = try await claims.replace(made)
        #expect(try await claims.sweep(now: Self.now.advanced(bySeconds: 3_600)) == 0)
        #expect(try await claims.sweep(now: late) == 1)
    }

    @Test func leadershipChangesHandsByObservedChange() async throws {
        let estate = Estate()
        let leases = KubernetesLeases(client: estate.client, namespace: "sre-agent")
        guard case .taken(let first) = try await leases.takeLease("sre-executor", owner: "one", expected: nil) else {
            Issue.record(); return
        }
        #expect(first.token == 1)
        let proof = LeaseProof(key: "sre-executor", owner: "one", token: 1)
        #expect(try await leases.beatLease(proof))
        guard case .refused = try await leases.takeLease("sre-executor", owner: "two", expected: first) else {
            Issue.record(); return
        }
        let seen = try #require(try await leases.lease("sre-executor"))
        guard case .taken(let second) = try await leases.takeLease("sre-executor", owner: "two", expected: seen) else {
            Issue.record(); return
        }
        #expect(second.token == 2)
        #expect(try await !leases.beatLease(proof))
    }
}

@Suite struct KubeconfigTests {
    private func file(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "kubeconfig-\(UUID().uuidString)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private let text = """
        apiVersion: v1
        current-context: a
        contexts:
          - { name: a, context: { cluster: one, user: me } }
          - { name: broken, context: { cluster: none, user: me } }
          - { name: exec, context: { cluster: one, user: plugin } }
        clusters:
          - { name: one, cluster: { server: "https://one:6443", certificate-authority-data: "cGVt" } }
        users:
          - { name: me, user: { token: secret } }
          - name: plugin
            user:
              exec:
                apiVersion: client.authentication.k8s.io/v1
                command: get-token
                args: [--cluster, one]
                env: [{ name: REGION, value: north }]
        """

    @Test func readsContextClusterAndUser() throws {
        let access = try KubernetesAccess.kubeconfig(try file(text), context: nil)
        #expect(access.server == "https://one:6443" && access.token == "secret")
        #expect(access.authority == Data("pem".utf8))
        let plugin = try KubernetesAccess.kubeconfig(try file(text), context: "exec").plugin
        #expect(plugin?.arguments == ["--cluster", "one"] && plugin?.environment == ["REGION": "north"])
    }

    @Test(arguments: [("none", "context 'none'"), ("broken", "cluster 'none'")])
    func namesWhatIsMissing(context: String, message: String) throws {
        let path = try file(text)
        #expect { try KubernetesAccess.kubeconfig(path, context: context) } throws: { "\($0)".contains(message) }
    }
}

/// The shipped manifests: least rights, and what they say is what the server enforces.
@Suite struct ManifestTests {
    private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("deploy/kubernetes").path

    @Test func noWildcardsNoSecretsNoEscalation() throws {
        let objects = try SampleEstate.manifests(folder: folder) + SampleEstate.manifests(folder: folder + "/optional")
        let roles = objects.filter { ["Role", "ClusterRole"].contains($0["kind"]?.string) }
        #expect(roles.count >= 5)
        for role in roles {
            let name = role[path: ["metadata", "name"]]?.string ?? ""
            for rule in role["rules"]?.elements ?? [] {
                func values(_ key: String) -> [String] { rule[key]?.elements.compactMap(\.string) ?? [] }
                for key in ["verbs", "resources", "apiGroups"] { #expect(!values(key).contains("*"), "\(name)") }
                #expect(!values("resources").contains("secrets"), "\(name)")
                #expect(Set(values("verbs")).isDisjoint(with: ["escalate", "bind", "impersonate"]), "\(name)")
                if values("resources").contains("pods") { #expect(!values("verbs").contains("delete"), "\(name)") }
            }
        }
    }

    @Test func eachIdentityMayDoItsWorkAndNoMore() async throws {
        let estate = Estate()
        estate.server.load(try SampleEstate.manifests(folder: folder))
        func may(_ account: String, _ question: AccessQuestion) async throws -> Bool {
            try await estate.client.may(user: "system:serviceaccount:sre-agent:\(account)", groups: [], question)
        }
        let patch = AccessQuestion("patch", group: "apps", resource: "deployments", namespace: "shop")
        let elsewhere = AccessQuestion("patch", group: "apps", resource: "deployments", namespace: "kube-system")
        let evict = AccessQuestion("create", resource: "pods", subresource: "eviction", namespace: "shop")
        let secret = AccessQuestion("get", resource: "secrets", namespace: "shop")
        let lease = AccessQuestion("create", group: "coordination.k8s.io", resource: "leases", namespace: "sre-agent")
        for (account, allowed) in [
            ("sre-executor", [patch, evict, lease]), ("sre-planner", [patch, evict]), ("sre-collector", []),
            ("sre-gateway", []),
        ] {
            for question in [patch, elsewhere, evict, secret, lease] {
                #expect(
                    try await may(account, question) == allowed.contains(question), "\(account): \(question)")
            }
        }
    }

    @Test func thePlannersWritesStayDry() async throws {
        let estate = Estate(token: "planner")
        estate.server.load(try SampleEstate.manifests(folder: folder))
        estate.server.add(token: "planner", .init(name: "system:serviceaccount:sre-agent:sre-planner"))
        let path = "/apis/apps/v1/namespaces/shop/deployments/web"
        let patch: JSONValue = ["spec": ["replicas": 9]]
        #expect(try await estate.client.patch(path, patch, dryRun: true).replicas == 9)
        await #expect { try await estate.client.patch(path, patch) } throws: { "\($0)".contains("only make dry runs") }
        #expect(estate.server.log.isEmpty)
    }

    @Test func aPlanThatTheExecutorMayNotCarryOutIsNotOffered() async throws {
        let estate = Estate()
        let surveyor = KubernetesSurveyor(
            client: estate.client, digest: SHA256Digest(), executor: "system:serviceaccount:sre-agent:sre-executor")
        let step = Step(
            index: 0, description: "", action: Action(type: .rolloutRestart), timeoutSeconds: 10)
        let draft = PlanDraft(target: Estate.shop, steps: [step], rollback: [])
        #expect(await surveyor.survey(draft).objections.first?.contains("the executor may not patch") == true)
        estate.server.load(try SampleEstate.manifests(folder: folder))
        #expect(await surveyor.survey(draft).objections.isEmpty)
    }
}
