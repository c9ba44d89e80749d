import Authority
import Bus
import Foundation
import Model
import SafetyProofs
import Signatures
import TestSupport
import Testing
import WireFormat

/// The approver's CLI against a real Redis, with a real executor and the simulated API server.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ApproverTests {
    @Test func aPersonDecidesStopsAndChecksWithTheCLI() async throws {
        try await ProcessStage.use(programs: BuiltPrograms.debugFolder) { processes in
            let stage = processes.stage
            func run(_ arguments: String..., fails: Bool = false) throws -> String {
                let (status, text) = try processes.approver(arguments)
                #expect((status != 0) == fails, "\(arguments): \(text)")
                return text
            }
            let hostile = "Scale\u{1b}[2K\u{202e} and restart"
            let record = try await stage.propose(title: hostile)
            let list = try run("list")
            #expect(list.contains(record.id) && list.contains("Scale\\u{1b}[2K\\u{202e} and restart"))
            let show = try run("show", record.id)
            #expect(show.contains("- 3") && show.contains("+ 4") && show.contains("spec.replicas"))
            #expect(show.contains("generation 1"))
            #expect(try run("approve", record.id, fails: true).contains("--yes"))
            #expect(try run("approve", record.id, "--yes").contains("APPROVED"))
            #expect(try run("list").contains("decided, and not begun by an executor yet:\n\(record.id)  APPROVED"))
            // The same word again, as after an answer that got lost: what was said stands.
            #expect(try run("approve", record.id, "--yes").contains("was recorded before"))
            #expect(try run("revoke", record.id, "--yes", "--reason", "wrong one").contains("REVOKED"))
            let history = try run("history", record.id)
            #expect(history.contains("plan.approval") && history.contains("plan.revocation"))
            let verified = try run("verify", record.id)
            #expect(verified.contains("REVOKE as approver") && !verified.contains("BAD"))
            let file = NSTemporaryDirectory() + "bundle-\(UUID().uuidString).json"
            defer { try? FileManager.default.removeItem(atPath: file) }
            _ = try run("verify", record.id, "--save", file)
            #expect(try run("verify", "--file", file).contains("audit chain"))
            let altered = try String(contentsOfFile: file, encoding: .utf8)
                .replacingOccurrences(of: "\"hash\" : \"\(record.hash.prefix(4))", with: "\"hash\" : \"0000")
            try altered.write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try run("verify", "--file", file, fails: true).contains("BAD"))

            _ = try run("freeze", "--reason", "release")
            let second = try await stage.propose(title: "second") { $0.verification.intervalSeconds = 1 }
            #expect(try run("approve", second.id, "--yes").contains("APPROVED"))
            let executor = try processes.startExecutor()
            defer { executor.end() }
            // The executor claims the plan and then waits for the freeze to end.
            _ = try await processes.wait(for: second.hash, while: executor, seconds: 3)
            #expect(try await processes.effects().isEmpty)
            #expect(try run("unfreeze").contains("allowed again"))
            #expect(try await processes.wait(for: second.hash, while: executor) == .succeeded)
            #expect(try await processes.effects().count == 2)
            // The cluster's own record of what was carried out and the audit say the same.
            let claims = NSTemporaryDirectory() + "claims-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: claims) }
            func keep(_ labels: String) throws {
                try processes.kubectl(["get", "leases", "-n", "sre-agent", "-l", labels, "-o", "json"])
                    .write(toFile: claims, atomically: true, encoding: .utf8)
            }
            try keep("sre-agent.io/claim=true")
            let held = try processes.agent(["audit", "verify", "--claims", claims])
            #expect(held.status == 0 && held.text.contains(", 2 claims"), "\(held.text)")
            try keep("sre-agent.io/claim=none")
            let missing = try processes.agent(["audit", "verify", "--claims", claims])
            #expect(missing.status == 1 && missing.text.contains("there is no claim on it"), "\(missing.text)")
            // What was changed is put back by one command, as it was.
            #expect(try run("show", second.id).contains("carried out"))
            let backup = try run("backup", second.id)
            #expect(backup.contains(#""replicas":3"#) && !backup.contains("restartedAt"), "\(backup)")
            #expect(try processes.kubectl(["replace", "-f", "-"], input: backup).contains("replaced"))
            let replicas = try processes.kubectl([
                "get", "-n", "shop", "deployment/web", "-o", "jsonpath={.spec.replicas}",
            ])
            #expect(replicas == "3")
            #expect(try run("backup", second.id, "--step", "step-9", fails: true).contains("step-0, step-1"))
            #expect(try run("backup", record.id, fails: true).contains("no object of this plan"))
            let key = stage.keys.planBackup(second.hash, stage.partition)
            let forged = backup.replacingOccurrences(of: #""image":"web:1""#, with: #""image":"evil:1""#)
            _ = try await stage.store.transition(
                Transaction(changes: [.set(key: key, fields: [Field("step-0", forged)])]))
            #expect(try run("backup", second.id, fails: true).contains("not the one that the audit recorded"))
            #expect(try await stage.record(record.hash).state == .revoked)
        }
    }

    /// An emergency is reviewed by somebody else, with a signature that everybody who looks at it checks.
    @Test func anEmergencyIsReviewedBySomebodyElse() async throws {
        try await ProcessStage.use(programs: BuiltPrograms.debugFolder) { processes in
            let stage = processes.stage
            let (url, token, server) = try processes.startGateway("john@example.com")
            defer { server.end() }
            func run(_ person: Ed25519Signer, _ arguments: String...) throws -> (status: Int32, text: String) {
                try processes.approver(arguments, by: person)
            }
            let record = try await stage.propose(title: "emergency")
            #expect(try run(stage.jane, "review").text.contains("nothing to review"))
            let early = try run(stage.john, "review", record.id, "--yes", "--comment", "x")
            #expect(early.status == 1 && early.text.contains("nobody let the plan through"), "\(early.text)")
            let glass = try run(stage.jane, "approve", record.id, "--yes", "--break-glass", "--comment", "fire")
            #expect(glass.text.contains("APPROVED"), "\(glass.text)")
            #expect(try run(stage.john, "show", record.id).text.contains("OPEN: jane@example.com let the plan through"))
            let own = try run(stage.jane, "review", record.id, "--yes", "--comment", "fine")
            #expect(own.status == 1 && own.text.contains("cannot review that"), "\(own.text)")
            #expect(try run(stage.jane, "review").text.contains(record.id))
            let route = ["--gateway", url, "--token-file", token]
            #expect(try processes.approver(["review"] + route, by: stage.john).text.contains(record.id))
            let closed = try processes.approver(
                ["review", record.id, "--yes", "--comment", "it was needed"] + route, by: stage.john)
            #expect(closed.status == 0 && closed.text.contains("your review is recorded"), "\(closed.text)")
            let again = try run(stage.john, "review", record.id, "--yes", "--comment", "as I said")
            #expect(again.text.contains("was recorded before"), "\(again.text)")
            #expect(try processes.approver(["review"] + route, by: stage.john).text.contains("nothing to review"))
            let show = try run(stage.jane, "show", record.id).text
            #expect(show.contains("closed by john@example.com") && show.contains("it was needed"))
            let verified = try run(stage.jane, "verify", record.id)
            #expect(
                verified.status == 0 && verified.text.contains("john@example.com: REVIEW as approver"),
                "\(verified.text)")
            // Whoever takes the signature away opens the review again, and the audit tells.
            let key = stage.keys.plan(record.hash, stage.partition)
            let stored = try await stage.store.fields(key)
            _ = try await stage.store.transition(
                Transaction(changes: [
                    .remove(key: key),
                    .set(
                        key: key,
                        fields: stored.filter { !$0.key.hasPrefix(PlanRecord.reviewPrefix) }
                            .map { Field($0.key, $0.value) }),
                ]))
            #expect(try run(stage.jane, "review").text.contains(record.id))
            let missing = try run(stage.jane, "verify", record.id)
            #expect(missing.status == 1 && missing.text.contains("no longer with the plan"), "\(missing.text)")
        }
    }

    /// What a plan rests on is shown with it, and what the policy makes of it is explained; text of others stays text.
    @Test func aPersonSeesTheEvidenceAndWhyAPlanNeedsWhatItNeeds() async throws {
        try await ProcessStage.use(programs: BuiltPrograms.debugFolder) { processes in
            let stage = processes.stage
            let hostile = "\u{1b}]0;x\u{07}<script>\u{202e}"
            var incident = PlannerStage.incident(.open, revision: 1, at: stage.now)
            incident.suspects[0].cause = "latency\(hostile)"
            incident.anomalies[0].window = (0..<20).map { index in
                SamplePoint(
                    time: stage.now.advanced(bySeconds: Double(index - 20) * 60), value: Double(100 + 20 * index))
            }
            incident.anomalies[0].forecast = Breach(
                limit: 900, p10: 3_000, p50: 3_600, p90: nil, probability: 0.9, horizon: 21_600, slopePerHour: 50,
                breached: false)
            _ = try await stage.store.transition(
                Transaction(changes: [
                    .set(
                        key: stage.keys.incident(incident.id, stage.partition),
                        fields: [Field("data", try incident.canonicalJSON())])
                ]))
            let record = try await stage.propose {
                $0.why = ["it is slow \(hostile)"]
                $0.impact.succeeded = 7
                $0.impact.executed = 8
                $0.risk.factors = [RiskFactor(name: "blast-radius", value: 0.5, weight: 0.2, reason: "half of it")]
            }
            let (url, token, server) = try processes.startGateway()
            defer { server.end() }
            for route in [[], ["--gateway", url, "--token-file", token]] {
                let show = try processes.approver(["show", record.id] + route).text
                for expected in [
                    "▁▁▁▂▂▃▃▃▄▄▅▅▆▆▆▇▇███", "band 90 s to 110 s", "probability 0.9", "suspects",
                    "0.9  latency\\u{1b}", "blast-radius     0.100 = 0.500 × 0.20  half of it",
                    "7 of 8 verified, 52-97 % at 95 %", "pinned to uid",
                ] { #expect(show.contains(expected), "\(expected) is missing: \(show)") }
                #expect(show.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 && $0.value != 0x202e })
            }
            let explained = try processes.agent(["policy", "explain", record.id])
            #expect(
                explained.status == 0 && explained.text.contains("1 people") || explained.text.contains("1 person"),
                "\(explained.text)")
            for expected in ["quorum", "floor", "band", "risk: blast-radius", "half of it"] {
                #expect(explained.text.contains(expected), "\(expected) is missing: \(explained.text)")
            }
        }
    }

    /// A file with checkpoints of all chains.
    private func checkpoints(of stage: Stage, by signer: Ed25519Signer) async throws -> String {
        var checkpointer = AuditCheckpointer(
            cluster: "proof", partitions: 16, store: stage.store, keys: stage.keys, digest: SHA256Digest(),
            signer: signer)
        let signed = try await checkpointer.next(now: stage.now).checkpoints
        let file = NSTemporaryDirectory() + "checkpoints-\(UUID().uuidString)"
        try signed.map { "audit-checkpoint " + String(decoding: try $0.canonicalJSON(), as: UTF8.self) + "\n" }
            .joined().write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    /// A history that was rewritten as a whole, with valid hashes, shows against signed checkpoints kept elsewhere.
    @Test func aPlanIsVerifiedAgainstCheckpoints() async throws {
        try await ProcessStage.use(programs: BuiltPrograms.debugFolder) { processes in
            let stage = processes.stage
            let record = try await stage.propose(title: "checked")
            _ = try processes.approver(["approve", record.id, "--yes"])
            _ = try processes.approver(["revoke", record.id, "--yes", "--reason", "wrong one"])
            let auditor = Ed25519Signer()
            let key = Data(auditor.publicKey).base64EncodedString()
            let file = try await checkpoints(of: stage, by: auditor)
            let forged = try await checkpoints(of: stage, by: Ed25519Signer())
            defer { for file in [file, forged] { try? FileManager.default.removeItem(atPath: file) } }
            func verify(_ arguments: String...) throws -> (status: Int32, text: String) {
                try processes.approver(["verify", record.id] + arguments)
            }
            let plain = try verify()
            #expect(plain.status == 0 && plain.text.contains("note checkpoints: not given"), "\(plain.text)")
            let checked = try verify("--checkpoints", file, "--auditor", key)
            #expect(
                checked.status == 0
                    && checked.text.contains("ok   checkpoints: 1 checked, the newest at sequence 2 of 2"),
                "\(checked.text)")
            #expect(try verify("--checkpoints", file).text.contains("audit.key_file"))
            let stranger = try verify("--checkpoints", forged, "--auditor", key)
            #expect(stranger.status == 1 && stranger.text.contains("not signed by a trusted auditor"))
            // The whole chain anew, with valid hashes: nothing shows but against the checkpoint.
            let chain = AuditChain(keys: stage.keys, digest: SHA256Digest())
            _ = try await stage.store.transition(
                Transaction(changes: [
                    .remove(key: stage.keys.stream(.audit, stage.partition)),
                    .remove(key: stage.keys.auditHead(stage.partition)),
                ]))
            for action in ["something", "else", "happened"] {
                let link = try await chain.next(
                    in: stage.partition, store: stage.store, time: stage.now, actor: "nobody", action: action,
                    subject: record.hash, detail: [:], trace: TraceContext(seed: "x"))
                _ = try await stage.store.appendAudit(link)
            }
            #expect(try verify().status == 0)
            let rewritten = try verify("--checkpoints", file, "--auditor", key)
            #expect(
                rewritten.status == 1 && rewritten.text.contains("BAD  checkpoints")
                    && rewritten.text.contains("sequence 2 is not the entry"), "\(rewritten.text)")
        }
    }

    @Test func aPersonDecidesThroughTheGatewayWithAnOwnKey() async throws {
        try await ProcessStage.use(programs: BuiltPrograms.debugFolder) { processes in
            let record = try await processes.stage.propose(title: "through the gateway")
            let (url, token, server) = try processes.startGateway()
            defer { server.end() }
            func run(_ arguments: String...) throws -> (status: Int32, text: String) {
                try processes.approver(arguments + ["--gateway", url, "--token-file", token])
            }
            #expect(try run("list").text.contains(record.id))
            #expect(try run("show", record.id).text.contains("spec.replicas"))
            let approved = try run("approve", record.id, "--yes")
            #expect(approved.status == 0 && approved.text.contains("APPROVED"), "\(approved.text)")
            #expect(try run("list").text.contains("decided, and not begun by an executor yet:\n\(record.id)"))
            let stored = try await processes.stage.record(record.hash)
            _ = try processes.stage.verifier.startable(stored, now: processes.stage.now)
            #expect(try run("revoke", record.id, "--yes", "--reason", "no").text.contains("REVOKED"))
            let late = try run("reject", record.id, "--yes", "--reason", "no")
            #expect(late.status == 2 && late.text.contains("409"), "\(late.text)")
            #expect(try run("history", record.id).text.contains("needs Redis"))
        }
    }
}
