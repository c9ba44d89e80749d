import Authority
import Foundation
import Model
import Settings
import Signatures
import TestSupport
import Testing

@Suite struct PolicyFileTests {
    private func read(_ text: String) throws -> Policy {
        let file = NSTemporaryDirectory() + "policy-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return try PolicyFile.read(YAMLDocument(file: file), digest: Fixtures.digest)
    }

    @Test func readsEveryRule() throws {
        let key = Data(Fixtures.approver.publicKey)
        var blob = Data([0, 0, 0, 11])
        blob.append(Data("ssh-ed25519".utf8))
        blob.append(Data([0, 0, 0, 32]))
        blob.append(key)
        let policy = try read(
            """
            namespaces: [shop]
            denied_targets: ["*/*/*postgres*"]
            actions: [kubernetes.scale, kubernetes.drain]
            action_quorum: { kubernetes.drain: 3 }
            manual_assisted: true
            manual_quorum: 3
            target_floors:
              - { match: "shop/*/*", labels: { tier: database }, actions: [kubernetes.scale], floor: 0.9 }
            freeze_windows:
              - { name: weekend, time_zone: Europe/Berlin, days: [SAT, SUN] }
              - { name: launch, time_zone: UTC, from: "2026-02-06", until: "2026-02-07T12:00" }
            budgets: { per_target_and_hour: 1, per_namespace_and_hour: 2, per_approver_and_hour: 4, concurrent: 1, replica_share: 0.1 }
            autonomy: { executions: 20, lower_bound: 0.8 }
            approvers:
              - { name: jane@example.com, roles: [approver, break-glass], keys: ["ssh-ed25519 \(blob.base64EncodedString()) jane"], kubernetes: { user: jane, groups: [sre] } }
            revoked_keys: ["\(Data(Fixtures.second.publicKey).base64EncodedString())"]
            """)
        #expect(policy.actionQuorum == [.drain: 3] && policy.isManualAssisted && policy.manualQuorum == 3)
        #expect(policy.approvers.first?.keys == [Fixtures.approver.publicKey])
        #expect(policy.approvers.first?.clusterUser == Policy.ClusterUser(name: "jane", groups: ["sre"]))
        #expect(policy.revokedKeys == [Fixtures.second.publicKey])
        #expect(
            policy.budgets
                == Budgets(
                    perTargetAndHour: 1, perNamespaceAndHour: 2, concurrent: 1, replicaShare: 0.1,
                    perApproverAndHour: 4))
        #expect(policy.autonomy == Autonomy(executions: 20, lowerBound: 0.8))
        #expect(policy.targetFloors.first?.floor == 0.9)
        // 2026-02-06 is a Friday; the launch window holds. 2026-08-01 is a Saturday from 22:00 UTC the day before.
        #expect(policy.freeze(at: Fixtures.now)?.name == "launch")
        let summer = Timestamp(milliseconds: 1_785_535_200_000)
        #expect(policy.freeze(at: summer)?.name == "weekend")
        #expect(policy.freeze(at: summer.advanced(bySeconds: -1)) == nil)
    }

    @Test(arguments: [
        ("floors: { kubernetes.scal: 0.1 }", "unknown key"),
        ("denied_targets: [postgres]", "namespace/kind/name"),
        ("freeze_windows: [{ name: x, time_zone: Mars }]", "time zone"),
        ("freeze_windows: [{ name: x, time_zone: UTC, days: [MONDAY] }]", "MON, TUE"),
        ("freeze_windows: [{ name: x, time_zone: UTC, start: \"25:00\" }]", "HH:MM"),
        ("risk_weights: { criticality: 1 }", "missing"),
        (
            "risk_weights: { criticality: 1, blast-radius: 1, irreversibility: 0, uncertainty: 0, recent-changes: 0, "
                + "timing: 0, track-record: 0 }", "a sum of 1"
        ),
        ("approvers: [{ name: \"system:serviceaccount:a:b\", roles: [approver], keys: [] }]", "never approve"),
        ("approvers: [{ name: a, roles: [admin], keys: [] }]", "approver, break-glass, viewer"),
        ("approvers: [{ name: a, roles: [approver], kubernetes: { users: a } }]", "user, groups"),
        ("manual_quorum: 1", "2 to 10"), ("manual_assisted: perhaps", "true or false"),
        ("revoked_keys: [abc]", "32 bytes"),
    ])
    func errorsSayWhatIsValid(text: String, valid: String) {
        #expect { try read(text) } throws: { "\($0)".contains(valid) && "\($0)".contains(":1") }
    }

    @Test func twoPeopleWithOneKeyAreOne() {
        let key = Data(Fixtures.approver.publicKey).base64EncodedString()
        let text = """
            approvers:
              - { name: a, roles: [approver], keys: ["\(key)"] }
              - { name: b, roles: [approver], keys: ["\(key)"] }
            """
        #expect { try read(text) } throws: { "\($0)".contains("share a key") }
    }

    /// Whoever holds a person's key must not be able to speak as a program, nor a program as a person.
    @Test(arguments: ["delegates", "planners"]) func aKeyHasOneOwner(owner: String) {
        let key = Data(Fixtures.approver.publicKey).base64EncodedString()
        let text = """
            approvers: [{ name: a, roles: [approver], keys: ["\(key)"] }]
            \(owner): ["\(key)"]
            """
        #expect { try read(text) } throws: { "\($0)".contains("belongs to 'a'") }
        let both = "delegates: [\"\(key)\"]\nplanners: [\"\(key)\"]"
        #expect { try read(both) } throws: { "\($0)".contains("belongs to a gateway") }
    }

    @Test(arguments: [
        ("action: kubernetes.scale\n    parameters: { replicas: \"1\", image: x }", "no parameter 'image'"),
        ("action: kubernetes.traffic-shift\n    parameters: { route: Service }", "'name'"),
        ("action: kubernetes.exec", "kubernetes.scale"),
    ])
    func runbooksUseTheCatalogueOnly(step: String, message: String) throws {
        let file = NSTemporaryDirectory() + "runbook-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let text = "name: n\ntitle: t\nsteps:\n  - description: d\n    \(step)\nreversibility: 1\nblast_radius: 0\n"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        #expect { try RunbookCatalogue.read(YAMLDocument(file: file)) } throws: { "\($0)".contains(message) }
    }
}
