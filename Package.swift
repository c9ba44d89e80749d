// swift-tools-version: 6.2
import PackageDescription

/// An executable: a `main` over the runtime and the libraries it wires together.
func process(_ name: String, _ libraries: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: libraries + [
            "Runtime",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
            .product(name: "Logging", package: "swift-log"),
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        ],
        path: "Sources/Processes/\(name)")
}

/// Tests of a library, with the fixtures and servers that all tests share.
func tests(_ name: String, _ libraries: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: libraries + ["TestSupport"], exclude: exclude)
}

let package = Package(
    name: "sre-agent",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // Contracts: what flows, and how it is delivered. No IO.
        .target(name: "Model", path: "Sources/Contracts/Model"),
        .target(
            name: "WireFormat",
            dependencies: ["Model", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            path: "Sources/Contracts/WireFormat"),
        .target(name: "Bus", dependencies: ["Model", "WireFormat"], path: "Sources/Contracts/Bus"),
        .target(name: "Authority", dependencies: ["Bus", "Model", "WireFormat"], path: "Sources/Contracts/Authority"),

        // Perception: sources become observations.
        .target(
            name: "Perception",
            dependencies: ["Bus", "Model", "WireFormat", .product(name: "Logging", package: "swift-log")],
            path: "Sources/Perception"),

        // Cognition: observations become anomalies and incidents.
        .target(name: "TimeSeries", path: "Sources/Cognition/TimeSeries"),

        .target(name: "Diagnosis", dependencies: ["Model"], path: "Sources/Cognition/Diagnosis"),
        .target(
            name: "Analyzer",
            dependencies: [
                "Bus", "Diagnosis", "Model", "TimeSeries", "WireFormat",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Cognition/Analyzer"),

        // Decision: incidents become plans and approvals.
        .target(name: "Decision", dependencies: ["Authority", "Bus", "Model", "WireFormat"], path: "Sources/Decision"),

        // Action: approved plans become effects and outcomes.
        .target(
            name: "Remediation",
            dependencies: ["Authority", "Bus", "Model", "WireFormat", .product(name: "Logging", package: "swift-log")],
            path: "Sources/Action/Remediation"),

        // Adapters: one technology each.
        .systemLibrary(
            name: "CHiredis", path: "Sources/Adapters/CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .target(
            name: "RedisClient",
            dependencies: [
                "CHiredis",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Adapters/RedisClient"),
        .target(
            name: "Prometheus",
            dependencies: [
                "Model", "Perception",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Sources/Adapters/Prometheus"),
        .target(
            name: "Kubernetes",
            dependencies: [
                "Authority", "Bus", "Decision", "Model", "Remediation", "WireFormat", "Yams",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources/Adapters/Kubernetes"),
        .target(
            name: "LocalCommand",
            dependencies: [
                "Model", "Remediation", .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources/Adapters/LocalCommand"),
        .target(
            name: "Settings",
            dependencies: [
                "Authority", "Bus", "Decision", "LocalCommand", "Model", "Perception", "TimeSeries",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"), "Yams",
            ],
            path: "Sources/Adapters/Settings"),
        .target(
            name: "Signatures",
            dependencies: [
                "Bus", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            path: "Sources/Adapters/Signatures"),
        .target(
            name: "Telemetry", dependencies: [.product(name: "Logging", package: "swift-log")],
            path: "Sources/Adapters/Telemetry"),
        .target(
            name: "RedisBus",
            dependencies: ["Bus", "Model", "RedisClient", .product(name: "Logging", package: "swift-log")],
            path: "Sources/Adapters/RedisBus",
            resources: [.embedInCode("sre_v1.lua")]),

        // Processes: thin executables over the libraries.
        .target(
            name: "Runtime",
            dependencies: [
                "Analyzer", "Authority", "Bus", "Decision", "LocalCommand", "Model", "Perception", "Prometheus",
                "RedisBus", "RedisClient", "Remediation", "Settings", "Signatures", "Telemetry", "TimeSeries",
                "WireFormat",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Processes/Runtime"),
        .target(
            name: "Gateway",
            dependencies: [
                "Analyzer", "Authority", "Bus", "Decision", "Model", "Perception", "Runtime", "Settings", "Signatures",
                "TimeSeries", "WireFormat",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Sources/Processes/Gateway",
            resources: [.embedInCode("openapi.json")]),
        process(
            "sre-gateway",
            [
                "Bus", "Gateway", "Model", "Settings", "Signatures",
                .product(name: "Hummingbird", package: "hummingbird"),
            ]),
        process(
            "sre-agent",
            [
                "Analyzer", "Authority", "Bus", "Decision", "Kubernetes", "Model", "Perception", "Prometheus",
                "RedisBus",
                "RedisClient", "Remediation", "Settings", "Signatures", "TimeSeries", "WireFormat",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        .executableTarget(
            name: "sre-bench",
            dependencies: ["TimeSeries", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Sources/Processes/sre-bench"),
        process("sre-metrics-collector", ["Bus", "Model", "Perception", "Settings", "Telemetry"]),
        process(
            "sre-analyzer",
            [
                "Analyzer", "Bus", "Kubernetes", "Model", "Perception", "Settings", "Signatures", "Telemetry",
                "WireFormat",
            ]),
        process("sre-planner", ["Authority", "Bus", "Decision", "Kubernetes", "Model", "Settings", "Signatures"]),
        process(
            "sre-demo-shop",
            [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        process(
            "sre-approver",
            [
                "Authority", "Bus", "Decision", "Model", "RedisBus", "RedisClient", "Remediation", "Settings",
                "Signatures", "WireFormat", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        process(
            "sre-executor",
            ["Bus", "Kubernetes", "LocalCommand", "Model", "RedisBus", "Remediation", "Settings", "Signatures"]),

        .target(
            name: "TestSupport",
            dependencies: [
                "Authority", "Bus", "Model", "RedisBus", "RedisClient", "Signatures", "WireFormat",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/TestSupport"),
        .target(
            name: "Proofs",
            dependencies: [
                "Bus", "Model", "RedisBus", "RedisClient", "Signatures", "TestSupport", "WireFormat",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/Proofs"),
        .executableTarget(
            name: "sre-prove",
            dependencies: [
                "Proofs", "SafetyProofs", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Prove"),
        .executableTarget(
            name: "sre-bench-bus",
            dependencies: [
                "Bus", "Proofs", "RedisBus", "RedisClient", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/Benchmarks", exclude: ["Engines", "Decode"]),
        .executableTarget(
            name: "sre-bench-decode",
            dependencies: ["Bus", "RedisBus", "RedisClient", .product(name: "NIOCore", package: "swift-nio")],
            path: "Tests/Benchmarks/Decode"),
        tests("ProofTests", ["Proofs"]),
        tests("ModelTests", ["Model"]),
        tests("WireFormatTests", ["Model", "WireFormat"]),
        tests("TimeSeriesTests", ["TimeSeries"], exclude: ["Golden"]),
        tests("BusTests", ["Bus", "Model", "Signatures", "WireFormat"]),
        tests("RedisIntegrationTests", ["Bus", "RedisBus", "RedisClient", "WireFormat"]),
        tests("ArchitectureTests", []),
        tests("SettingsTests", ["Authority", "Model", "Settings", "Signatures"]),
        tests("DecisionTests", ["Authority", "Bus", "Decision", "Model", "Signatures", "WireFormat"]),
        tests("AnalyzerTests", ["Analyzer", "Bus", "Diagnosis", "Model", "TimeSeries", "WireFormat"]),
        .target(name: "KubeSimulator", dependencies: ["Kubernetes", "Yams"], path: "Tests/KubeSimulator"),
        .target(
            name: "SafetyProofs",
            dependencies: [
                "Authority", "Bus", "Decision", "KubeSimulator", "Kubernetes", "Model", "Proofs", "RedisBus",
                "RedisClient", "Remediation", "Settings", "Signatures", "TestSupport", "WireFormat",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/SafetyProofs"),
        tests(
            "SafetyProofTests",
            [
                "Authority", "Bus", "Decision", "KubeSimulator", "Kubernetes", "LocalCommand", "Model", "Proofs",
                "Remediation", "SafetyProofs", "Signatures", "WireFormat",
            ]),
        .executableTarget(
            name: "FakeKube",
            dependencies: [
                "KubeSimulator", "Kubernetes",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Tests/FakeKube"),
        tests(
            "PerceptionTests",
            ["Bus", "Model", "Perception", "WireFormat", .product(name: "Logging", package: "swift-log")]),
        tests(
            "PrometheusTests",
            [
                "Bus", "Model", "Perception", "Prometheus", "RedisBus", "Settings", "WireFormat",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests(
            "KubernetesTests",
            [
                "Authority", "Bus", "Decision", "KubeSimulator", "Kubernetes", "Model", "Remediation", "Signatures",
                "WireFormat",
            ]),
        tests("ProcessTests", ["Analyzer", "Bus", "Model", "RedisBus", "Signatures", "TimeSeries", "WireFormat"]),
        tests(
            "GatewayTests",
            [
                "Authority", "Bus", "Decision", "Gateway", "Model", "Runtime", "Settings", "Signatures",
                "WireFormat",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        tests("SignaturesTests", ["Signatures"]),
        tests("AuthorityTests", ["Authority", "Model", "Signatures", "WireFormat"]),
        tests("RemediationTests", ["Bus", "Model", "Remediation"]),
    ]
)

/// One place gives every Swift target the same compiler settings.
for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .swiftLanguageMode(.v6),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
