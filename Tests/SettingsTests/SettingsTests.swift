import Authority
import Bus
import Foundation
import Settings
import TestSupport
import Testing

@Suite struct SettingsTests {
    private func settings(_ text: String, _ environment: [String: String] = [:]) throws -> Settings {
        let file = NSTemporaryDirectory() + "settings-\(UUID().uuidString).yaml"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        return try Settings(file: file, environment: environment)
    }

    @Test func aPasswordInAnAddressThatIsRefusedIsNotShown() throws {
        #expect {
            try settings("prometheus: { url: \"ftp://user:c4nary@host/x\" }\n")
        } throws: { error in
            "\(error)".contains("'host/x' is not a URL") && !"\(error)".contains("c4nary")
        }
    }

    @Test func defaultsAreThoseOfTheDocumentation() throws {
        let settings = try settings("cluster: x\n")
        #expect(settings.analysis.threshold == 0.7 && settings.analysis.horizonHours == 6)
        #expect(settings.analysis.learningDays == 7 && settings.risk.autoRemediationEnabled == false)
        #expect(settings.risk.approvalThreshold == 0.8 && settings.checkIntervalSeconds == 60)
    }

    @Test func theEnvironmentWinsOverTheFile() throws {
        let settings = try settings(
            "prometheus: { url: \"http://file:1\" }\n", ["PROMETHEUS_URL": "http://environment:2"])
        #expect(settings.prometheus.url == "http://environment:2")
    }

    @Test(arguments: [
        ("anomaly_detection:\n  threshold: 7\n", ":2: anomaly_detection.threshold", "0.05 to 1.0"),
        ("a: 1\n", ":1: a: unknown key", "cluster"),
        ("redis:\n  urll: x\n", ":2: redis.urll: unknown key", "url"),
        ("redis: { partitions: 12 }\n", "redis.partitions", "power of two"),
        ("prometheus:\n  url: ftp://x\n", ":2: prometheus.url", "http://"),
        ("risk: { auto_remediation_enabled: maybe }\n", "risk.auto_remediation_enabled", "true or false"),
        ("logging: { level: LOUD }\n", "logging.level", "INFO"),
        ("baseline: { time_zone: Mars/Base }\n", "baseline.time_zone", "Europe/Berlin"),
        ("baseline: { holidays: \"2026-12-25, soon\" }\n", "'soon' is not a day", "2026-12-25"),
        ("streams:\n  topics:\n    plan: {}\n", ":3: streams.topics.plan: unknown key", "plans"),
        ("streams: { topics: { audit: { max_bytes: 70000 } } }\n", "max_bytes: unknown key", "retention_hours"),
        ("streams: { topics: { plans: { max_bytes: 7 } } }\n", "streams.topics.plans.max_bytes", "65536"),
        ("streams: { topics: [plans] }\n", "a mapping is needed", "plans"),
        ("a: [1\n", "not YAML", "expected"), ("cluster: a\ncluster: b\n", "written twice", "cluster"),
    ])
    func errorsNameFileLineKeyAndValidValues(text: String, place: String, valid: String) {
        #expect { try settings(text) } throws: { "\($0)".contains(place) && "\($0)".contains(valid) }
    }

    @Test func aTopicMayHaveLimitsOfItsOwn() throws {
        let streams = try settings(
            "streams: { retention_hours: 10, max_bytes: 100000, topics: { plans: { retention_hours: 20 }, "
                + "dead-letters: { retention_hours: 30 }, incidents: { max_bytes: 200000 } } }\n"
        ).streams
        let hour: UInt64 = 3_600_000
        #expect(streams.limits[.plans] == .init(milliseconds: 20 * hour, bytes: 100_000))
        #expect(streams.limits[.deadLetters] == .init(milliseconds: 30 * hour, bytes: nil))
        #expect(streams.limits[.incidents] == .init(milliseconds: 10 * hour, bytes: 200_000))
        #expect(streams.limits[.audit] == .init(milliseconds: 400 * 24 * hour, bytes: nil))
        #expect(streams.retention(partitions: 4).limits == streams.limits && streams.records == 10 * hour)
    }

    @Test func timeZoneGivesItsClockChangesAndHolidaysTheirDays() throws {
        let calendar = try settings(
            "baseline: { time_zone: Europe/Berlin, holidays: \"1970-01-02,2026-12-25\" }\n"
        ).analysis.calendar
        #expect(calendar.holidays == [1, 20_812])
        // Spring and autumn of 2026: 29 March and 25 October, 01:00 UTC.
        let offsets = try #require(calendar.offsets(from: Date(timeIntervalSince1970: 1_767_225_600), days: 365))
        #expect(offsets.first == 3_600)
        #expect(offsets.changes.map(\.from) == [1_774_746_000_000, 1_792_890_000_000])
        #expect(offsets.changes.map(\.seconds) == [7_200, 3_600])
        #expect(try settings("cluster: x\n").analysis.calendar.offsets(from: .now, days: 365) == nil)
    }

    @Test func anErrorInTheEnvironmentNamesTheVariable() {
        #expect { try settings("cluster: x\n", ["PREDICTION_HORIZON_HOURS": "many"]) } throws: {
            "\($0)".contains("environment variable PREDICTION_HORIZON_HOURS")
        }
    }
}

@Suite struct CatalogueTests {
    private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    @Test(arguments: ["config", "config/demo"])
    func shippedFilesAreValid(folder: String) throws {
        let metrics = try MetricsMap.read(YAMLDocument(file: "\(root)/\(folder)/metrics.yaml"))
        #expect(metrics.count >= (folder == "config" ? 15 : 5))
        #expect(try !RunbookCatalogue.read(folder: "\(root)/\(folder)/runbooks").isEmpty)
    }

    @Test func unknownAlgorithmIsNamedWithTheKnownOnes() {
        let text = """
            metrics:
              - name: m
                query: up
                algorithms: [ensemble, magic]
                entity: { kind: Service, name: [job] }
            """
        let file = NSTemporaryDirectory() + "metrics-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: file) }
        #expect {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            _ = try MetricsMap.read(YAMLDocument(file: file))
        } throws: { "\($0)".contains("'magic' is not an algorithm") && "\($0)".contains("random-cut-forest") }
    }

    @Test func shippedPolicyAllowsNothing() throws {
        let policy = try PolicyFile.read(YAMLDocument(file: "\(root)/config/policy.yaml"), digest: Fixtures.digest)
        #expect(policy.namespaces.isEmpty && policy.approvers.isEmpty && policy.autoActions.isEmpty)
    }

    @Test(arguments: [
        (
            "name: x\ntitle: t\nreversibility: 1\nblast_radius: 0\nsteps:\n  - action: rm.all\n    description: d\n",
            "kubernetes.scale"
        ),
        (
            "name: x\ntitle: t {user}\nreversibility: 1\nblast_radius: 0\nsteps:\n  - action: manual.step\n    description: d\n",
            "{name}"
        ),
        (
            "name: x\ntitle: t\nreversibility: 2\nblast_radius: 0\nsteps:\n  - action: manual.step\n    description: d\n",
            "0.0 to 1.0"
        ),
        (
            "name: x\ntitle: t\nreversibility: 1\nblast_radius: 0\nsteps:\n  - action: kubernetes.scale\n    description: d\n",
            "replicas"
        ),
        (
            "name: x\ntitle: t\nreversibility: 1\nblast_radius: 0\nverification: { scrapes: 2 }\nsteps:\n  - action: manual.step\n    description: d\n",
            "3 to 100"
        ),
        (
            "name: x\ntitle: t\nreversibility: 1\nblast_radius: 0\nverification: { interval_seconds: 60, timeout_seconds: 100 }\nsteps:\n  - action: manual.step\n    description: d\n",
            "at least 180"
        ),
    ])
    func badRunbooksAreNamed(text: String, valid: String) {
        #expect { try RunbookCatalogue.read(YAMLDocument(text: text, file: "r.yaml")) } throws: {
            "\($0)".contains("r.yaml:") && "\($0)".contains(valid)
        }
    }

    @Test func commandsAreOffUnlessSwitchedOn() throws {
        let text = "commands:\n  - { name: x, argv: [/bin/true], namespaces: [a] }\n"
        #expect(try CommandsFile.read(YAMLDocument(text: text, file: "c.yaml")).isEmpty)
        #expect(try CommandsFile.read(YAMLDocument(text: "enabled: true\n" + text, file: "c.yaml")).count == 1)
        let relative = "enabled: true\ncommands:\n  - { name: x, argv: [sh, -c, x], namespaces: [a] }\n"
        #expect { try CommandsFile.read(YAMLDocument(text: relative, file: "c.yaml")) } throws: {
            "\($0)".contains("absolute path")
        }
    }
}
