import Foundation
import Signatures
import Subprocess
import SystemPackage

/// The demo's servers, keys and files.
struct DemoStage: Sendable {
    let folder: String
    let installation: Installation
    let shopPort: Int
    let prometheusPort: Int
    let gatewayPort: Int
    let telemetryPorts: [Int]
    /// Passphrase of the approver's key; lives as long as the demo.
    let passphrase: String
    private let programs: (prometheus: String, promtool: String)
    private let agent: LocalAgent
    private let log: MergedLog

    var configFile: String { "\(folder)/config.yaml" }
    var approverKey: String { "\(folder)/approver.key" }
    var shopURL: String { "http://127.0.0.1:\(shopPort)" }

    /// Makes folder, keys and configuration.
    init(folder: String, config: String) throws {
        self.folder = folder
        programs = (
            try Host.program("prometheus", package: "prometheus"),
            try Host.program("promtool", package: "prometheus")
        )
        installation = Installation(folder: folder)
        try installation.prepare()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
        try installation.prepare()
        let ports = try Self.freePorts(8)
        shopPort = ports[0]
        prometheusPort = ports[1]
        gatewayPort = ports[2]
        telemetryPorts = Array(ports[3...])
        passphrase = UUID().uuidString
        guard FileManager.default.createFile(atPath: installation.logFile, contents: nil) else {
            throw AgentFailure("\(installation.logFile) cannot be written")
        }
        log = MergedLog(file: installation.logFile, isShown: false)
        agent = try LocalAgent(
            installation: installation, config: "\(folder)/config.yaml", environment: ["SRE_LOG_FORMAT": "text"],
            ports: telemetryPorts, log: log)
        try writeFiles(config)
    }

    private static func freePorts(_ count: Int) throws -> [Int] {
        var ports: Set<Int> = []
        while ports.count < count { ports.insert(try Host.freePort()) }
        return ports.sorted()
    }

    private func writeFiles(_ config: String) throws {
        let files = FileManager.default
        let source = config.hasPrefix("/") ? config : files.currentDirectoryPath + "/" + config
        try files.copyItem(atPath: "\(source)/metrics.yaml", toPath: "\(folder)/metrics.yaml")
        try files.copyItem(atPath: "\(source)/runbooks", toPath: "\(folder)/runbooks")
        let keys = ["planner": "", "gateway": "", "approver": passphrase]
        var publicKeys: [String: String] = [:]
        for (name, passphrase) in keys {
            let signer = Ed25519Signer()
            try KeyFile.create(signer, at: "\(folder)/\(name).key", passphrase: passphrase)
            publicKeys[name] = Data(signer.publicKey).base64EncodedString()
        }
        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        try write(
            "config.yaml",
            """
            cluster: demo
            default_namespace: shop
            check_interval_seconds: 2
            settle_seconds: 1
            redis: { url: "\(installation.redisURL)", lease_seconds: 3 }
            prometheus: { url: "http://127.0.0.1:\(prometheusPort)" }
            gateway: { port: \(gatewayPort), delegate_key_file: gateway.key, tokens_file: tokens.yaml }
            planner: { key_file: planner.key }
            commands_file: commands.yaml

            """)
        try write(
            "policy.yaml",
            """
            namespaces: [shop]
            actions: [command.run]
            floors: { command.run: 0.6 }
            approvers:
              - { name: demo@example.com, roles: [approver], keys: ["\(publicKeys["approver"] ?? "")"] }
            delegates: ["\(publicKeys["gateway"] ?? "")"]
            planners: ["\(publicKeys["planner"] ?? "")"]

            """)
        let shop = Host.product("sre-demo-shop")
        try write(
            "commands.yaml",
            """
            enabled: true
            commands:
              - name: restart-shop
                argv: ["\(shop)", restart, --url, "\(shopURL)", --operation, "{operation_id}"]
                probe: ["\(shop)", probe, --url, "\(shopURL)", --operation, "{operation_id}"]
                namespaces: [shop]

            """)
        try write("tokens.yaml", "tokens: []\n")
        try write(
            "prometheus.yml",
            """
            global: { scrape_interval: 1s }
            scrape_configs:
              - job_name: shop
                static_configs: [{ targets: ["127.0.0.1:\(shopPort)"] }]

            """)
    }

    /// Writes seven days of the shop's past into Prometheus' storage, and lets the shop go on from there.
    func backfill() async throws {
        let history = "\(folder)/history.om"
        try await execute(
            Host.product("sre-demo-shop"),
            [
                "history", "--days", "7.2", "--instance", "127.0.0.1:\(shopPort)", "--state", "\(folder)/shop.json",
                history,
            ])
        try await execute(
            programs.promtool, ["tsdb", "create-blocks-from", "openmetrics", history, "\(folder)/prometheus"])
        try FileManager.default.removeItem(atPath: history)
    }

    /// Runs everything until the task is cancelled.
    func run() async {
        do {
            try await backfill()
        } catch {
            log.write("demo", "\(error)")
            return
        }
        let supervisor = Supervisor(write: { log.write($0, $1) })
        let surroundings = [
            ProcessSpec(
                name: "sre-demo-shop", path: Host.product("sre-demo-shop"),
                arguments: ["serve", "--port", "\(shopPort)", "--state", "\(folder)/shop.json"]),
            ProcessSpec(
                name: "prometheus", path: programs.prometheus,
                arguments: [
                    "--config.file=\(folder)/prometheus.yml", "--storage.tsdb.path=\(folder)/prometheus",
                    "--storage.tsdb.retention.time=30d", "--web.listen-address=127.0.0.1:\(prometheusPort)",
                    "--log.level=warn",
                ]),
        ]
        await withDiscardingTaskGroup { group in
            for spec in surroundings { group.addTask { await supervisor.keep(spec) } }
            group.addTask { await agent.run() }
        }
        installation.forget()
    }

    /// Runs a program to its end.
    ///
    /// - Throws: `AgentFailure` with its output when it fails.
    @discardableResult
    func execute(_ path: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let inherited = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let variables = inherited.compactMap { name, value in Environment.Key(rawValue: name).map { ($0, value) } }
        let result = try await Subprocess.run(
            .path(FilePath(path)), arguments: .init(arguments),
            environment: .custom(Dictionary(uniqueKeysWithValues: variables)),
            output: .string(limit: 1 << 20), error: .combinedWithOutput)
        guard result.terminationStatus.isSuccess else {
            throw AgentFailure("\((path as NSString).lastPathComponent) \(arguments[0]): \(result.standardOutput)")
        }
        return result.standardOutput
    }
}
