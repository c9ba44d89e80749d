import Foundation
import KubeSimulator
import Kubernetes
import Testing

/// Whether the simulated server is enough like a real one that Kubernetes' own tools work with it, and that HTTP, TLS
/// and broken connections are what the client takes them for.
@Suite(.serialized, .timeLimit(.minutes(3))) struct FidelityTests {
    private func kubectl(_ server: FakeServer, _ arguments: String..., input: String = "") throws -> String {
        let (status, text) = try FakeServer.run(
            "/usr/bin/env",
            ["HOME=\(server.folder)", "kubectl", "--server", server.address, "--cache-dir", server.folder]
                + arguments, input: input)
        #expect(status == 0, "kubectl \(arguments.joined(separator: " ")): \(text)")
        return text
    }

    private static let manifest = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: api, namespace: shop }
        spec:
          replicas: 2
          selector: { matchLabels: { app: api } }
          template:
            metadata: { labels: { app: api } }
            spec: { containers: [{ name: api, image: "api:1" }] }
        """

    @Test func kubectlWorksAgainstIt() throws {
        let server = try FakeServer(["--anonymous-admin", "--tick", "50"])
        let table = try kubectl(server, "get", "deployments", "-n", "shop")
        #expect(table.contains("UP-TO-DATE") && table.contains("web") && table.contains("3/3"), "\(table)")
        #expect(try kubectl(server, "get", "pods", "-n", "shop").split(separator: "\n").count == 4)
        #expect(try kubectl(server, "get", "deployment", "web", "-n", "shop", "--no-headers").contains("3/3"))
        #expect(try kubectl(server, "apply", "-f", "-", input: Self.manifest).contains("created"))
        #expect(
            try kubectl(server, "rollout", "status", "-n", "shop", "deployment/api", "--timeout=30s")
                .contains("successfully rolled out"))
        let second = Self.manifest.replacingOccurrences(of: "api:1", with: "api:2")
        #expect(try kubectl(server, "apply", "-f", "-", input: second).contains("configured"))
        #expect(try kubectl(server, "apply", "-f", "-", input: second).contains("unchanged"))
        #expect(
            try kubectl(server, "rollout", "status", "-n", "shop", "deployment/api", "--timeout=30s")
                .contains("successfully rolled out"))
        #expect(try kubectl(server, "scale", "-n", "shop", "deployment/api", "--replicas=4").contains("scaled"))
        let replicas = try kubectl(
            server, "get", "-n", "shop", "deployment/api", "-o", "jsonpath={.spec.replicas} {.metadata.generation}")
        #expect(replicas == "4 3")
        #expect(try kubectl(server, "rollout", "restart", "-n", "shop", "deployment/api").contains("restarted"))
        #expect(
            try kubectl(server, "rollout", "undo", "-n", "shop", "deployment/api", "--to-revision=1").contains(
                "rolled back"))
        #expect(
            try kubectl(
                server, "get", "-n", "shop", "deployment/api", "-o",
                "jsonpath={.spec.template.spec.containers[0].image}") == "api:1")
        let applied = try kubectl(
            server, "apply", "--server-side", "--field-manager=person", "--force-conflicts", "-f", "-",
            input: Self.manifest)
        #expect(applied.contains("serverside-applied"))
        #expect(try kubectl(server, "cordon", "node-a").contains("cordoned"))
        let typo = Self.manifest.replacingOccurrences(of: "replicas:", with: "replcas:")
        let (status, text) = try FakeServer.run(
            "/usr/bin/env",
            [
                "HOME=\(server.folder)", "kubectl", "--server", server.address, "--cache-dir", server.folder, "apply",
                "-f", "-",
            ], input: typo)
        #expect(status != 0 && text.contains("unknown field \"spec.replcas\""), "\(text)")
    }

    @Test func kubectlAsksWhatTheShippedRolesAllow() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let server = try FakeServer(
            [
                "--manifests", root + "/deploy/kubernetes", "--token",
                "executor=system:serviceaccount:sre-agent:sre-executor",
            ], tls: true)
        func mayI(_ question: String...) throws -> String {
            let (_, text) = try FakeServer.run(
                "/usr/bin/env",
                [
                    "HOME=\(server.folder)", "kubectl", "--server", server.address, "--cache-dir", server.folder,
                    "--certificate-authority", "\(server.folder)/server.crt", "--token", "executor", "auth", "can-i",
                ] + question)
            return text.split(separator: "\n").last.map(String.init) ?? ""
        }
        #expect(try mayI("create", "leases.coordination.k8s.io", "-n", "sre-agent") == "yes")
        #expect(try mayI("patch", "deployments.apps", "-n", "kube-system") == "no")
        #expect(try mayI("get", "secrets", "-n", "sre-agent") == "no")
    }

    @Test func clientsAreRecognisedByTheirCertificate() async throws {
        let server = try FakeServer(["--anonymous-admin"], tls: true, clients: true)
        func client(_ authority: String?) throws -> KubernetesClient {
            var access = KubernetesAccess(server: server.address, authority: server.authority)
            if let authority { access.clientCertificate = try server.makeClient(authority) }
            return try KubernetesClient(access)
        }
        #expect(try await client("clients").get("/api/v1/nodes/node-a").name == "node-a")
        for stranger in [nil, "strangers"] {
            let client = try client(stranger)
            await #expect(throws: KubernetesError.self) { try await client.get("/api/v1/nodes/node-a") }
        }
        // As a kubeconfig gives it: files beside it, and data within it.
        let pair = try server.makeClient("clients")
        let file = server.folder + "/kubeconfig"
        try """
        current-context: a
        contexts: [{ name: a, context: { cluster: a, user: a } }, { name: b, context: { cluster: a, user: b } }]
        clusters: [{ name: a, cluster: { server: "\(server.address)", certificate-authority: server.crt } }]
        users:
          - { name: a, user: { client-certificate: clients-client.crt, client-key: clients-client.key } }
          - name: b
            user:
              client-certificate-data: \(pair.certificate.base64EncodedString())
              client-key-data: \(pair.key.base64EncodedString())

        """.write(toFile: file, atomically: true, encoding: .utf8)
        for context in ["a", "b"] {
            let access = try KubernetesAccess.configured(file: file, context: context, environment: [:])
            #expect(try await KubernetesClient(access).get("/api/v1/nodes/node-a").name == "node-a")
        }
        var broken = KubernetesAccess(server: server.address, authority: server.authority)
        broken.clientCertificate = .init(certificate: pair.certificate, key: Data("no key".utf8))
        #expect { try KubernetesClient(broken) } throws: { "\($0)".contains("certificates cannot be used") }
    }

    @Test func aCredentialPluginGivesACertificate() async throws {
        let server = try FakeServer(["--anonymous-admin"], tls: true, clients: true)
        func answer(_ certificate: ClientCertificate, expires: Date? = nil) throws -> String {
            var status: [String: Any] = [
                "clientCertificateData": String(decoding: certificate.certificate, as: UTF8.self),
                "clientKeyData": String(decoding: certificate.key, as: UTF8.self),
            ]
            status["expirationTimestamp"] = expires.map { Date.ISO8601FormatStyle().format($0) }
            let credential: [String: Any] = [
                "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status,
            ]
            return String(decoding: try JSONSerialization.data(withJSONObject: credential), as: UTF8.self)
        }
        let file = server.folder + "/credential.json"
        let runs = server.folder + "/runs"
        func client() throws -> KubernetesClient {
            var access = KubernetesAccess(server: server.address, authority: server.authority)
            access.plugin = CredentialPlugin(
                command: "/bin/sh", arguments: ["-c", "echo run >> '\(runs)'; cat '\(file)'"], environment: [:],
                apiVersion: "client.authentication.k8s.io/v1")
            return try KubernetesClient(access)
        }
        func get(_ client: KubernetesClient) async throws -> String {
            try await client.get("/api/v1/nodes/node-a").name
        }
        let known = try server.makeClient("clients")
        try answer(known).write(toFile: file, atomically: true, encoding: .utf8)
        let lasting = try client()
        for _ in 0..<3 { #expect(try await get(lasting) == "node-a") }
        #expect(try String(contentsOfFile: runs, encoding: .utf8) == "run\n", "one run lasts until it expires")
        // One that has expired is asked for again, and the next certificate is another.
        try answer(known, expires: Date()).write(toFile: file, atomically: true, encoding: .utf8)
        let short = try client()
        #expect(try await get(short) == "node-a")
        try answer(try server.makeClient("strangers")).write(toFile: file, atomically: true, encoding: .utf8)
        await #expect(throws: KubernetesError.self) { try await get(short) }
        var broken = known
        broken.key = Data("no key".utf8)
        try answer(broken).write(toFile: file, atomically: true, encoding: .utf8)
        await #expect { try await get(try client()) } throws: {
            "\($0)".contains("certificate of the credential plugin")
        }
    }

    @Test func theControllersRestWhenThereIsNothingToDo() throws {
        let server = try FakeServer(["--anonymous-admin", "--tick", "1"])
        #expect(try kubectl(server, "scale", "-n", "shop", "deployment/web", "--replicas=5").contains("scaled"))
        _ = try kubectl(server, "rollout", "status", "-n", "shop", "deployment/web", "--timeout=30s")
        // The round that finds nothing more to do is the last one.
        let settled = try kubectl(server, "get", "-n", "shop", "deployment/web", "-o", "jsonpath={.metadata.name}")
        #expect(settled == "web")
        let rounds = try server.rounds()
        for _ in 0..<5 { _ = try kubectl(server, "get", "pods", "-n", "shop") }
        #expect(try server.rounds() == rounds && rounds != "0")
    }

    @Test func itEndsWithWhoeverStartedIt() throws {
        let program = FakeServer.program
        // The shell is gone as soon as the server serves; its output ends when the last process that holds it is gone.
        let (status, text) = try FakeServer.run(
            "/bin/sh",
            [
                "-c",
                "mkfifo \"$0\"; '\(program)' > \"$0\" & read port < \"$0\"; echo \"port $port\"; rm \"$0\"; exit 7",
                NSTemporaryDirectory() + "fifo-\(UUID().uuidString.prefix(8))",
            ])
        #expect(status == 7 && text.hasPrefix("port "))
    }

    @Test func theCertificateIsChecked() async throws {
        let server = try FakeServer(tls: true)
        let trusting = try KubernetesClient(
            KubernetesAccess(server: server.address, authority: server.authority, token: APIServer.adminToken))
        #expect(try await trusting.get("/api/v1/nodes/node-a").name == "node-a")
        let strict = try KubernetesClient(KubernetesAccess(server: server.address, token: APIServer.adminToken))
        await #expect(throws: KubernetesError.self) { try await strict.get("/api/v1/nodes/node-a") }
        let stranger = try KubernetesClient(
            KubernetesAccess(server: server.address, authority: server.authority, token: "wrong"))
        await #expect { try await stranger.get("/api/v1/nodes/node-a") } throws: { "\($0)".contains("401") }
    }

    @Test func aBrokenAnswerIsUnknownAndTheChangeIsThere() async throws {
        let server = try FakeServer()
        let client = try KubernetesClient(KubernetesAccess(server: server.address, token: APIServer.adminToken))
        try server.fail(Fault(.truncated))
        await #expect {
            try await client.patch("/api/v1/nodes/node-a", ["spec": ["unschedulable": true]])
        } throws: { ($0 as? KubernetesError)?.kind == .unknown }
        #expect(try server.log().count == 1)
    }

    @Test func watchesOverHTTP() async throws {
        let server = try FakeServer()
        let client = try KubernetesClient(KubernetesAccess(server: server.address, token: APIServer.adminToken))
        let (events, continuation) = AsyncStream.makeStream(of: String.self)
        let task = Task {
            await Reflector(client: client, path: "/api/v1/nodes").run { event in
                switch event {
                case .listed(let nodes): continuation.yield("listed \(nodes.count)")
                case .changed(let node): continuation.yield("\(node.name) \(node.labels["a"] ?? "")")
                case .removed, .interrupted: continuation.yield("\(event)")
                }
            }
        }
        defer { task.cancel() }
        var iterator = events.makeAsyncIterator()
        #expect(await iterator.next() == "listed 2")
        _ = try await client.patch("/api/v1/nodes/node-a", ["metadata": ["labels": ["a": "b"]]])
        #expect(await iterator.next() == "node-a b")
    }

    @Test func checkpointsOfTheAuditAreKeptWithTheShippedRights() async throws {
        let manifests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("deploy/kubernetes").path
        let server = try FakeServer([
            "--anonymous-admin", "--manifests", manifests,
            "--token", "analyzer=system:serviceaccount:sre-agent:sre-analyzer",
            "--token", "executor=system:serviceaccount:sre-agent:sre-executor",
        ])
        func checkpoints(_ token: String) throws -> KubernetesCheckpoints {
            let access = KubernetesAccess(server: server.address, token: token)
            return KubernetesCheckpoints(client: try KubernetesClient(access), namespace: "sre-agent")
        }
        try await checkpoints("analyzer").keep([3: #"{"n":1}"#, 12: #"{"n":2}"#])
        try await checkpoints("analyzer").keep([3: #"{"n":3}"#])
        try await checkpoints("analyzer").keep([:])
        #expect(try await checkpoints("analyzer").kept() == [#"{"n":3}"#, #"{"n":2}"#])
        await #expect { try await checkpoints("executor").keep([3: "forged"]) } throws: { "\($0)".contains("403") }
        #expect(
            try kubectl(
                server, "get", "-n", "sre-agent", "configmap", KubernetesCheckpoints.name, "-o",
                "go-template={{range .data}}{{println .}}{{end}}") == "{\"n\":3}\n{\"n\":2}\n")
    }
}
