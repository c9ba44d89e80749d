import Foundation
import Kubernetes
import Model
import Remediation
import Testing

/// The fake API server as a process of its own.
private final class FakeServer {
    let address: String
    private let process = Process()

    init() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        process.executableURL = URL(fileURLWithPath: root + "/.build/debug/FakeKube")
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let port = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        address = "http://127.0.0.1:\(port)"
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private func call(_ method: String, _ path: String, _ body: String = "") async throws -> Data {
        let curl = Process()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        curl.arguments = ["-s", "-X", method, "--data", body, address + path]
        let output = Pipe()
        curl.standardOutput = output
        try curl.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        curl.waitUntilExit()
        return data
    }

    func fail(_ faults: String...) async throws {
        _ = try await call("POST", "/_fake/faults", faults.joined(separator: ","))
    }

    func setImage(_ image: String) async throws { _ = try await call("POST", "/_fake/image/\(image)") }

    /// Changes of the spec by operation, as the server saw them.
    func effects() async throws -> [String] {
        let log = try JSONDecoder().decode([[String: String]].self, from: try await call("GET", "/_fake/log"))
        return log.filter { $0["changed"] == "spec" }.compactMap { $0["operation"] }
    }
}

@Suite(.timeLimit(.minutes(2))) struct DeploymentTargetTests {
    private func request(
        _ type: ActionType, _ parameters: [String: String] = [:], name: String = "web", plan: String = "aa",
        timeout: Int = 20
    ) -> ActionRequest {
        ActionRequest(
            planHash: String(repeating: plan, count: 32), planID: "PLAN-\(plan)", phase: .step, index: 0,
            action: Action(type: type, parameters: parameters),
            target: Entity(cluster: "c", namespace: "shop", kind: "Deployment", name: name), timeoutSeconds: timeout)
    }

    private func target(_ server: FakeServer, token: String = "fake-token") throws -> DeploymentTarget {
        DeploymentTarget(client: try KubernetesClient(KubernetesAccess(server: server.address, token: token)))
    }

    @Test func aDryRunShowsTheDifferenceAndChangesNothing() async throws {
        let server = try FakeServer()
        let target = try target(server)
        #expect(await target.prepare(request(.scale, ["replicas": "+2"])) == .ready("replicas 3 → 5"))
        #expect(await target.prepare(request(.rolloutRestart)) == .ready("the pods are replaced"))
        #expect(try await server.effects().isEmpty)
        #expect(await target.inspect(request(.rolloutRestart)) == .untouched)
    }

    @Test func eachOperationIsAppliedOnceWhateverTheServerAnswers() async throws {
        for faults in [
            [], ["conflict"], ["busy"], ["before-500"], ["after-500"], ["conflict", "before-500", "after-500"],
        ] {
            let server = try FakeServer()
            let target = try target(server)
            for fault in faults { try await server.fail(fault) }
            let scale = request(.scale, ["replicas": "+1"])
            switch await target.perform(scale) {
            case .applied, .adopted: break
            case let result: Issue.record("\(faults): \(result)")
            }
            #expect(try await server.effects() == [scale.operationID], "\(faults)")
            #expect(await target.inspect(scale) == .applied("the annotation of the object names this operation"))
            guard case .adopted = await target.perform(scale) else { Issue.record("repeated"); return }
            #expect(try await server.effects().count == 1)
        }
    }

    @Test func rollsBackToTheRevisionBeforeWithoutItsHash() async throws {
        let server = try FakeServer()
        try await server.setImage("web:2")
        let target = try target(server)
        let rollback = request(.rollbackRevision, ["revision": "previous"])
        guard case .ready(let text) = await target.prepare(rollback) else { Issue.record(); return }
        #expect(text.contains("web:2") && text.contains("web:1"))
        guard case .applied(let detail) = await target.perform(rollback) else { Issue.record(); return }
        #expect(detail.contains("rollout is complete"))
        guard case .refused(let reason) = await target.prepare(request(.rollbackRevision, ["revision": "99"])) else {
            Issue.record()
            return
        }
        #expect(reason.contains("there is no revision '99'; there are 1, 2"))
    }

    @Test func permanentAnswersAreNotRepeated() async throws {
        let server = try FakeServer()
        let target = try target(server)
        try await server.fail("forbidden")
        guard case .refused(let reason) = await target.perform(request(.rolloutRestart)) else { Issue.record(); return }
        #expect(reason.contains("403 Forbidden"))
        guard case .stale = await target.perform(request(.rolloutRestart, name: "gone")) else { Issue.record(); return }
        guard case .refused = await target.prepare(request(.scale, ["replicas": "many"])) else {
            Issue.record(); return
        }
        guard case .refused = await target.prepare(request(.scale, ["replicas": "-5"])) else { Issue.record(); return }
        guard case .refused = await target.prepare(request(.rolloutRestart, name: "../secrets")) else {
            Issue.record(); return
        }
        guard case .refused = await (try self.target(server, token: "wrong")).perform(request(.rolloutRestart)) else {
            Issue.record()
            return
        }
        #expect(try await server.effects().isEmpty)
    }

    @Test func anUnreachableServerIsUnavailableBeforeAndUnclearAfter() async throws {
        let target = DeploymentTarget(
            client: try KubernetesClient(KubernetesAccess(server: "http://127.0.0.1:1", token: "x")))
        guard case .unavailable = await target.prepare(request(.rolloutRestart)) else { Issue.record(); return }
        guard case .unknown = await target.perform(request(.rolloutRestart, timeout: 1)) else { Issue.record(); return }
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
        clusters:
          - { name: one, cluster: { server: "https://one:6443", certificate-authority-data: "cGVt" } }
        users:
          - { name: me, user: { token: secret } }
        """

    @Test func readsContextClusterAndUser() throws {
        let access = try KubernetesAccess.kubeconfig(try file(text), context: nil)
        #expect(access.server == "https://one:6443" && access.token == "secret")
        #expect(access.authority == Data("pem".utf8))
    }

    @Test(arguments: [("none", "context 'none'"), ("broken", "cluster 'none'")])
    func namesWhatIsMissing(context: String, message: String) throws {
        let path = try file(text)
        #expect { try KubernetesAccess.kubeconfig(path, context: context) } throws: { "\($0)".contains(message) }
    }
}
