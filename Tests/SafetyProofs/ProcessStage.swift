import Authority
import Bus
import Foundation
import HTTPTypes
import Hummingbird
import KubeSimulator
import Kubernetes
import Model
import NIOCore
import RedisBus
import RedisClient
import Settings
import Signatures
import Synchronization
import TestSupport

/// An installation of real processes on this machine: Redis, the simulated API server, a metrics source, executors.
package final class ProcessStage: Sendable {
    /// Plans, people and the planner's view, on the real store and the real server.
    package let stage: Stage
    private let redis: RedisBus
    private let kube: ServerProcess
    private let address: String
    private let folder: String
    private let programs: String

    /// Plans that an executor carries out side by side.
    package static let concurrency = 20

    /// Sets everything up, runs `body`, and takes everything down.
    ///
    /// - Parameters:
    ///   - programs: folder with the built programs.
    ///   - leaseSeconds: length of all leases of the programs.
    ///   - configuration: more lines of the configuration file.
    package static func use<Result: Sendable>(
        programs: String, leaseSeconds: Double = 0.6, configuration: String = "",
        _ body: @escaping @Sendable (ProcessStage) async throws -> Result
    ) async throws -> Result {
        for name in ["FakeKube", "sre-agent", "sre-executor", "sre-planner", "sre-gateway", "sre-approver"]
        where !FileManager.default.isExecutableFile(atPath: "\(programs)/\(name)") {
            throw ProofError("\(programs)/\(name) is not built: 'make build' builds it")
        }
        let server = try RedisServer()
        let client = try server.client()
        let running = Task { await client.run() }
        defer { running.cancel() }
        let redis = RedisBus(client: client, logger: RedisServer.quiet)
        try await redis.ensureLibrary()
        return try await MetricServer().use { metrics in
            let stage = try await ProcessStage(
                redis: redis, server: server, metrics: metrics, programs: programs, leaseSeconds: leaseSeconds,
                configuration: configuration)
            defer { stage.end() }
            return try await body(stage)
        }
    }

    private init(
        redis: RedisBus, server: RedisServer, metrics: String, programs: String, leaseSeconds: Double,
        configuration: String
    ) async throws {
        self.redis = redis
        self.programs = programs
        folder = server.folder + "/config"
        try FileManager.default.createDirectory(atPath: folder + "/runbooks", withIntermediateDirectories: true)
        let port = TestHost.freePorts(1)[0]
        address = "http://127.0.0.1:\(port)"
        kube = try ServerProcess(
            programs + "/FakeKube",
            [
                "--port", "\(port)", "--anonymous-admin", "--manifests", ShippedManifests.folder, "--token",
                "executor=\(Stage.executorUser)", "--token", "planner=system:serviceaccount:sre-agent:sre-planner",
            ], readyMark: "\(port)\n")
        let access = KubernetesAccess(server: address)
        let stage = try Stage(
            store: redis, transport: try HTTPTransport(access),
            start: Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)), isClockReal: true)
        self.stage = stage
        try Self.write(folder, redisURL: server.url, metrics: metrics, kube: address, leaseSeconds, stage)
        let file = folder + "/config.yaml"
        try (String(contentsOfFile: file, encoding: .utf8) + configuration)
            .write(toFile: file, atomically: true, encoding: .utf8)
        let policy = try PolicyFile.read(YAMLDocument(file: folder + "/policy.yaml"), digest: SHA256Digest())
        stage.policy.withLock { $0 = policy }
    }

    private static func write(
        _ folder: String, redisURL: String, metrics: String, kube: String, _ leaseSeconds: Double, _ stage: Stage
    ) throws {
        func key(_ signer: Ed25519Signer) -> String { Data(signer.publicKey).base64EncodedString() }
        let files = [
            "config.yaml": """
            cluster: proof
            redis: { url: "\(redisURL)", lease_seconds: \(leaseSeconds) }
            prometheus: { url: "\(metrics)" }
            kubernetes: { enabled: true, kubeconfig: kubeconfig }
            executor: { concurrency: \(concurrency) }
            planner: { key_file: planner.key }
            """,
            "policy.yaml": """
            namespaces: [shop]
            actions: [kubernetes.scale, kubernetes.rollout-restart]
            floors: { kubernetes.scale: 0.6 }
            budgets: { per_target_and_hour: 1000, per_namespace_and_hour: 1000, per_approver_and_hour: 1000, concurrent: 1000, replica_share: 1 }
            approvers:
              - { name: jane@example.com, roles: [approver, break-glass], keys: ["\(key(stage.jane))"] }
              - { name: john@example.com, roles: [approver], keys: ["\(key(stage.john))"] }
            planners: ["\(key(stage.planner))"]
            """,
            "metrics.yaml": """
            metrics:
              - { name: latency, query: latency, unit: seconds, direction: above, role: latency, entity: { kind: Service, name: [service] } }
            """,
            "kubeconfig": """
            current-context: fake
            contexts: [{ name: fake, context: { cluster: fake, user: executor } }]
            clusters: [{ name: fake, cluster: { server: "\(kube)" } }]
            users: [{ name: executor, user: { token: executor } }]
            """,
        ]
        for (name, text) in files {
            try (text + "\n").write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        try """
        name: scale
        title: "Scale {name}"
        match: { causes: [latency] }
        steps: [{ description: "Add one", action: kubernetes.scale, parameters: { replicas: "+1" } }]
        reversibility: 1
        blast_radius: 0

        """.write(toFile: "\(folder)/runbooks/scale.yaml", atomically: true, encoding: .utf8)
        try KeyFile.create(stage.planner, at: folder + "/planner.key", passphrase: "")
    }

    private func end() { kube.end() }

    // MARK: Approver

    /// Runs the approver's CLI.
    ///
    /// - Parameters:
    ///   - signer: key of the person; default jane's.
    ///   - crash: where it dies, such as `approver.afterVerify`.
    ///   - isConfigured: it gets the configuration of the installation.
    /// - Returns: exit code and everything it printed.
    package func approver(
        _ arguments: [String], by signer: Ed25519Signer? = nil, crash: String? = nil, isConfigured: Bool = true
    ) throws -> (status: Int32, text: String) {
        let signer = signer ?? stage.jane
        let key = folder + "/\(Verifier.keyID(signer.publicKey, digest: SHA256Digest())).key"
        if !FileManager.default.fileExists(atPath: key) { try KeyFile.create(signer, at: key, passphrase: "") }
        var environment = ["SRE_APPROVER_KEY": key]
        environment["SRE_CRASH_AT"] = crash
        return try runToEnd("sre-approver", arguments, isConfigured: isConfigured, environment)
    }

    /// Runs the agent's CLI.
    ///
    /// - Returns: exit code and everything it printed.
    package func agent(_ arguments: [String]) throws -> (status: Int32, text: String) {
        try runToEnd("sre-agent", arguments, isConfigured: true, [:])
    }

    private func runToEnd(
        _ program: String, _ arguments: [String], isConfigured: Bool, _ environment: [String: String]
    ) throws -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(programs)/\(program)")
        process.arguments = arguments + (isConfigured ? ["--config", folder + "/config.yaml"] : [])
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    /// Runs kubectl against the simulated API server as its administrator.
    ///
    /// - Throws: `ProofError` with what it printed when it fails.
    package func kubectl(_ arguments: [String], input: String = "") throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [
                "HOME=\(folder)", "kubectl", "--server", address, "--cache-dir", folder + "/kubectl",
            ] + arguments
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stdout
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let text = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw ProofError("kubectl \(arguments): \(text)") }
        return text
    }

    // MARK: Gateway

    /// Starts the gateway with a token for an approver.
    ///
    /// - Parameters:
    ///   - person: whose token it is; default jane's.
    ///   - crash: where it dies, such as `gateway.afterVerify`.
    /// - Returns: its address, the file with the token, and the server.
    package func startGateway(
        _ person: String = "jane@example.com", crash: String? = nil
    ) throws -> (url: String, tokenFile: String, server: ServerProcess) {
        let port = TestHost.freePorts(1)[0]
        let token = "token-of-\(person)"
        let file = folder + "/\(person).token"
        try token.write(toFile: file, atomically: true, encoding: .utf8)
        let hash = SHA256Digest().sha256(Array(token.utf8))
        try "tokens: [{ subject: \(person), role: approver, sha256: \"\(hash)\" }]\n"
            .write(toFile: folder + "/tokens.yaml", atomically: true, encoding: .utf8)
        let config = try String(contentsOfFile: folder + "/config.yaml", encoding: .utf8)
        try (config + "gateway: { port: \(port), tokens_file: tokens.yaml }\n")
            .write(toFile: folder + "/gateway.yaml", atomically: true, encoding: .utf8)
        let server = try ServerProcess(
            programs + "/sre-gateway", ["--config", folder + "/gateway.yaml"], readyMark: "serving the API",
            environment: crash.map { ["SRE_CRASH_AT": $0] } ?? [:])
        return ("http://127.0.0.1:\(port)", file, server)
    }

    // MARK: Programs that may die

    /// A running program.
    package final class Program: Sendable {
        private let process: Mutex<Process>
        private let ends: AsyncStream<Void>

        /// Starts it.
        fileprivate init(_ process: sending Process) throws {
            let (ends, end) = AsyncStream.makeStream(of: Void.self)
            self.ends = ends
            process.terminationHandler = { _ in end.finish() }
            try process.run()
            self.process = Mutex(process)
        }

        /// Waits until it is gone.
        fileprivate func awaitEnd() async { for await _ in ends {} }

        /// Sends it a signal.
        package func signal(_ number: Int32) {
            process.withLock { if $0.isRunning { _ = kill($0.processIdentifier, number) } }
        }

        /// Whether it still runs.
        package var isRunning: Bool { process.withLock { $0.isRunning } }

        /// Kills it and waits until it is gone.
        package func end() {
            signal(SIGKILL)
            process.withLock { $0.waitUntilExit() }
        }
    }

    /// Starts an executor that dies at a crash point.
    ///
    /// - Parameter crash: such as `executor.afterIntent:2`; `nil`: it lives.
    package func startExecutor(crash: String? = nil) throws -> Program { try start("sre-executor", crash: crash) }

    /// Starts a planner that dies at a crash point.
    ///
    /// - Parameter crash: such as `planner.beforePropose`; `nil`: it lives.
    package func startPlanner(crash: String? = nil) throws -> Program { try start("sre-planner", crash: crash) }

    private func start(_ name: String, crash: String?) throws -> Program {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(programs)/\(name)")
        process.arguments = ["--config", folder + "/config.yaml", "--log-level", "error"]
        var environment = ProcessInfo.processInfo.environment
        environment["SRE_CRASH_AT"] = crash
        process.environment = environment
        let log = folder + "/programs.log"
        if !FileManager.default.fileExists(atPath: log) { try Data().write(to: URL(fileURLWithPath: log)) }
        let handle = FileHandle(forWritingAtPath: log)
        _ = try handle?.seekToEnd()
        process.standardOutput = handle
        process.standardError = handle
        return try Program(process)
    }

    /// What executors and planners have logged.
    package var log: String { (try? String(contentsOfFile: folder + "/programs.log", encoding: .utf8)) ?? "" }

    /// Waits until a plan is over, or the executor is.
    ///
    /// - Returns: the state that the plan is in.
    package func wait(for hash: String, while executor: Program, seconds: Double = 60) async throws -> PlanState {
        let stream = stage.keys.stream(.outcomes, stage.partition)
        let deadline = ContinuousClock.now + .seconds(seconds)
        var position = EntryID.zero
        while true {
            let state = try await stage.record(hash).state
            guard !state.isTerminal, executor.isRunning, ContinuousClock.now < deadline else { return state }
            _ = try await redis.awaitEntries([stream: position], timeout: .milliseconds(200))
            position = try await redis.newestEntries(stream, limit: 1).first?.id ?? .zero
        }
    }

    /// Waits until there are so many entries of a topic, or the program is gone.
    ///
    /// - Returns: how many there are.
    package func wait(
        for count: Int, of topic: Topic, while program: Program, seconds: Double = 30
    ) async throws -> Int {
        let stream = stage.keys.stream(topic, stage.partition)
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let length = try await redis.length(stream)
            guard length < count, program.isRunning, ContinuousClock.now < deadline else { return length }
            let newest = try await redis.newestEntries(stream, limit: 1).first?.id ?? .zero
            _ = try await redis.awaitEntries([stream: newest], timeout: .milliseconds(200))
        }
    }

    /// Waits until a program has ended; one that takes too long is killed.
    ///
    /// - Returns: whether it ended by itself.
    package func waitForEnd(of program: Program, seconds: Double = 30) async -> Bool {
        let wasKilled = Mutex(false)
        let patience = DispatchWorkItem {
            wasKilled.withLock { $0 = true }
            program.signal(SIGKILL)
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: patience)
        await program.awaitEnd()
        patience.cancel()
        return !wasKilled.withLock { $0 }
    }

    /// Stores objects in the simulated cluster.
    package func load(_ objects: [JSONValue]) async throws {
        try await tell("load", Data(JSONValue.array(objects).canonical))
    }

    /// Lets requests to the simulated API server go wrong.
    package func fail(_ faults: [Fault]) async throws { try await tell("faults", try JSONEncoder().encode(faults)) }

    private func tell(_ what: String, _ body: Data) async throws {
        let response = try await HTTPTransport(KubernetesAccess(server: address)).send(
            KubernetesRequest("POST", "/_fake/\(what)", contentType: "application/json", body: body))
        guard response.status == 204 else { throw ProofError("\(what) was not accepted: \(response.status)") }
    }

    /// Effects of executors on workloads, in order, as the server saw them.
    package func effects() async throws -> [Effect] {
        let response = try await HTTPTransport(KubernetesAccess(server: address)).send(
            KubernetesRequest("GET", "/_fake/log"))
        return try JSONDecoder().decode([Effect].self, from: response.body).filter {
            $0.user == Stage.executorUser && $0.resource != "leases.coordination.k8s.io" && $0.changedSpecification
        }
    }
}

/// A metrics source whose metric is always good.
struct MetricServer {
    func use<Result: Sendable>(
        _ body: @escaping @Sendable (String) async throws -> Result
    ) async throws -> Result {
        let router = Router()
        router.get("/-/ready") { _, _ in "ready" }
        router.post("/api/v1/query") { _, _ in
            let now = Date().timeIntervalSince1970
            let text =
                #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[\#(now),"100"]}]}}"#
            return Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(string: text)))
        }
        return try await LocalServer.use(router, body)
    }
}
