import Bus
import Foundation
import Logging

/// The main configuration file with everything it points to.
package struct Settings: Sendable {
    /// Bus.
    package struct Redis: Sendable, Equatable {
        /// `redis://`, `rediss://` or `unix://`.
        package var url: String
        /// Accepts a server without append-only file.
        package var allowVolatile: Bool
        /// First part of every key.
        package var prefix: String
        /// Number of partitions; fixed for the life of an installation.
        package var partitions: Int
        /// Seconds of a partition's lease, its renew deadline and its retry.
        package var leaseSeconds: Double
        /// Replicas that must have an approval or a transition before it counts; 0 for a single server.
        package var replicas: Int
    }

    /// How much the streams may hold, and for how long.
    package struct Streams: Sendable, Equatable {
        /// Entries that may wait for a reader before producers coarsen.
        package var softLimit: Int
        /// Entries that may wait for a reader before nothing more is taken.
        package var hardLimit: Int
        /// How long entries of each topic are kept, and how many bytes of them in one partition.
        package var limits: [Topic: Retention.Limit]
        /// Milliseconds that finished records are kept.
        package var records: UInt64

        /// What the retention goes by.
        package func retention(partitions: Int) -> Retention.Configuration {
            var retention = Retention.Configuration(
                observations: 0, records: records, audit: 0, bytes: 0, partitions: partitions)
            retention.limits = limits
            return retention
        }
    }

    /// Signed checkpoints of the audit chain.
    package struct Audit: Sendable, Equatable {
        /// The auditor's key; without one there are no checkpoints.
        package var keyFile: String?
        /// File that gets a line for each checkpoint, besides standard output.
        package var checkpointFile: String?
        /// Seconds between two checkpoints.
        package var checkpointSeconds: Double
    }

    /// Metrics source.
    package struct Prometheus: Sendable, Equatable {
        package var url: String
        package var bearerTokenFile: String?
        package var timeoutSeconds: Int
    }

    /// Learning, detection and forecast.
    package struct Analysis: Sendable {
        package var learningDays: Double
        package var minimumDays: Double
        package var relearnHours: Double
        package var threshold: Double
        package var openAfter: Int
        package var closeAfter: Int
        package var horizonHours: Double
        package var utcOffsetSeconds: Int
        package var calendar: CalendarSettings
    }

    /// What may be done.
    package struct Risk: Sendable {
        package var autoRemediationEnabled: Bool
        /// Plans with this risk or more are never started by the agent; at most 0.8.
        package var approvalThreshold: Double
        /// Plans are recorded only.
        package var isShadow: Bool
    }

    /// HTTP API.
    package struct Gateway: Sendable {
        package var host: String
        package var port: Int
        package var tokensFile: String?
        package var delegateKeyFile: String?
    }

    /// Kubernetes API.
    package struct Kubernetes: Sendable, Equatable {
        package var isEnabled: Bool
        package var kubeconfig: String?
        package var context: String?
        /// Namespace of the agent, where leases and claims are kept.
        package var namespace: String
    }

    /// Carrying plans out.
    package struct Executor: Sendable, Equatable {
        /// Plans of one partition that are carried out side by side; the policy bounds those of a namespace.
        package var concurrency: Int
    }

    /// Folder of the configuration file; relative paths start here.
    package var folder: String
    /// Name of the cluster in entities and statements.
    package var cluster: String
    /// Namespace of series without one.
    package var defaultNamespace: String
    /// Distance of two samples in seconds.
    package var checkIntervalSeconds: Double
    /// Seconds that a scrape may take to become visible.
    package var settleSeconds: Double
    package var redis: Redis
    package var streams: Streams
    package var audit: Audit
    package var prometheus: Prometheus
    package var analysis: Analysis
    package var risk: Risk
    package var gateway: Gateway
    package var kubernetes: Kubernetes
    package var executor: Executor
    package var logLevel: Logger.Level
    package var metricsFile: String
    package var runbooksFolder: String
    package var policyFile: String
    package var commandsFile: String?
    package var plannerKeyFile: String?

    /// Keys whose change a running process cannot take into use.
    package func needingRestart(against new: Settings) -> [String] {
        let pairs: [(String, Bool)] = [
            ("cluster", cluster == new.cluster),
            ("redis", redis == new.redis),
            ("prometheus", prometheus == new.prometheus),
            ("gateway.host", gateway.host == new.gateway.host),
            ("gateway.port", gateway.port == new.gateway.port),
            ("gateway.delegate_key_file", gateway.delegateKeyFile == new.gateway.delegateKeyFile),
            ("kubernetes", kubernetes == new.kubernetes),
            ("executor", executor == new.executor),
            ("streams", streams == new.streams),
            ("audit", audit == new.audit),
            ("planner.key_file", plannerKeyFile == new.plannerKeyFile),
            ("logging.level", logLevel == new.logLevel),
        ]
        return pairs.filter { !$0.1 }.map(\.0)
    }

    /// Keys of the seed's configuration and those that came later, by section.
    static let sections: [String: [String]] = [
        "": [
            "cluster", "default_namespace", "check_interval_seconds", "settle_seconds", "redis", "prometheus", "loki",
            "baseline", "anomaly_detection", "prediction", "risk", "logging", "gateway", "kubernetes", "metrics_file",
            "runbooks_folder", "policy_file", "commands_file", "planner", "executor", "streams", "audit",
        ],
        "redis": ["url", "allow_volatile", "prefix", "partitions", "lease_seconds", "replicas"],
        "streams": [
            "soft_limit", "hard_limit", "max_bytes", "observation_hours", "retention_hours", "audit_days", "topics",
        ],
        "audit": ["key_file", "checkpoint_file", "checkpoint_seconds"],
        "prometheus": ["url", "bearer_token_file", "timeout_seconds"],
        "loki": ["url"],
        "baseline": ["learning_days", "minimum_days", "relearn_hours", "utc_offset_seconds", "time_zone", "holidays"],
        "anomaly_detection": ["threshold", "open_after", "close_after"],
        "prediction": ["horizon_hours"],
        "risk": ["auto_remediation_enabled", "approval_threshold", "mode"],
        "logging": ["level"],
        "gateway": ["host", "port", "tokens_file", "delegate_key_file"],
        "kubernetes": ["enabled", "kubeconfig", "context", "namespace"],
        "planner": ["key_file"],
        "executor": ["concurrency"],
    ]

    /// Reads a file; the environment wins over it.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    package init(
        file: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(SettingsError) {
        let document = try YAMLDocument(file: file)
        try document.root.allow(Self.sections[""] ?? [])
        for (section, keys) in Self.sections where !section.isEmpty {
            if let value = document.root[section] { try value.allow(keys) }
        }
        let folder = (file as NSString).deletingLastPathComponent
        let scalars = try Scalars(document, environment: environment)
        func path(_ key: String, default name: String? = nil) -> String? {
            guard let text = scalars.string(key) ?? name else { return nil }
            if text.hasPrefix("/") { return text }
            return folder.isEmpty ? text : "\(folder)/\(text)"
        }
        self.folder = folder
        cluster = scalars.string("cluster", default: "local")
        defaultNamespace = scalars.string("default_namespace", default: "default")
        checkIntervalSeconds = try scalars.double("check_interval_seconds", in: 0.1...3_600, default: 60)
        settleSeconds = try scalars.double("settle_seconds", in: 0...600, default: 5)
        redis = Redis(
            url: try scalars.url(
                "redis.url",
                schemes: [
                    "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster",
                ], default: "redis://127.0.0.1:6379"),
            allowVolatile: try scalars.bool("redis.allow_volatile", default: false),
            prefix: scalars.string("redis.prefix", default: "sre:"),
            partitions: try scalars.int("redis.partitions", in: 1...1_024, default: 16),
            leaseSeconds: try scalars.double("redis.lease_seconds", in: 0.3...300, default: 6),
            replicas: try scalars.int("redis.replicas", in: 0...10, default: 0))
        guard redis.partitions.nonzeroBitCount == 1 else {
            throw scalars.error("redis.partitions", "\(redis.partitions) is not valid", valid: "a power of two to 1024")
        }
        streams = try Streams(scalars, topics: document.root["streams"]?["topics"])
        audit = Audit(
            keyFile: path("audit.key_file"), checkpointFile: path("audit.checkpoint_file"),
            checkpointSeconds: try scalars.double("audit.checkpoint_seconds", in: 1...86_400, default: 60))
        prometheus = Prometheus(
            url: try scalars.url("prometheus.url", schemes: ["http", "https"], default: "http://127.0.0.1:9090"),
            bearerTokenFile: path("prometheus.bearer_token_file"),
            timeoutSeconds: try scalars.int("prometheus.timeout_seconds", in: 1...300, default: 30))
        analysis = Analysis(
            learningDays: try scalars.double("baseline.learning_days", in: 1...90, default: 7),
            minimumDays: try scalars.double("baseline.minimum_days", in: 0.01...30, default: 3),
            relearnHours: try scalars.double("baseline.relearn_hours", in: 0.1...720, default: 24),
            threshold: try scalars.double("anomaly_detection.threshold", in: 0.05...1, default: 0.7),
            openAfter: try scalars.int("anomaly_detection.open_after", in: 1...100, default: 3),
            closeAfter: try scalars.int("anomaly_detection.close_after", in: 1...1_000, default: 5),
            horizonHours: try scalars.double("prediction.horizon_hours", in: 0.5...48, default: 6),
            utcOffsetSeconds: try scalars.int("baseline.utc_offset_seconds", in: -50_400...50_400, default: 0),
            calendar: try CalendarSettings(scalars))
        let mode = scalars.string("risk.mode", default: "live")
        guard ["live", "shadow"].contains(mode) else {
            throw scalars.error("risk.mode", "'\(mode)' is not valid", valid: "live or shadow")
        }
        risk = Risk(
            autoRemediationEnabled: try scalars.bool("risk.auto_remediation_enabled", default: false),
            approvalThreshold: try scalars.double("risk.approval_threshold", in: 0...0.8, default: 0.8),
            isShadow: mode == "shadow")
        gateway = Gateway(
            host: scalars.string("gateway.host", default: "127.0.0.1"),
            port: try scalars.int("gateway.port", in: 0...65_535, default: 8_000),
            tokensFile: path("gateway.tokens_file"), delegateKeyFile: path("gateway.delegate_key_file"))
        kubernetes = Kubernetes(
            isEnabled: try scalars.bool("kubernetes.enabled", default: false),
            kubeconfig: path("kubernetes.kubeconfig"), context: scalars.string("kubernetes.context"),
            namespace: scalars.string("kubernetes.namespace", default: "sre-agent"))
        executor = Executor(concurrency: try scalars.int("executor.concurrency", in: 1...100, default: 8))
        let level = scalars.string("logging.level", default: "INFO").lowercased()
        guard let known = Logger.Level(rawValue: level) else {
            throw scalars.error(
                "logging.level", "'\(level)' is not valid",
                valid: Logger.Level.allCases.map { $0.rawValue.uppercased() }.joined(separator: ", "))
        }
        logLevel = known
        metricsFile = path("metrics_file", default: "metrics.yaml") ?? ""
        runbooksFolder = path("runbooks_folder", default: "runbooks") ?? ""
        policyFile = path("policy_file", default: "policy.yaml") ?? ""
        commandsFile = path("commands_file")
        plannerKeyFile = path("planner.key_file")
    }
}
