import Authority
import Bus
import Decision
import Foundation
import KubeSimulator
import Model
import SafetyProofs
import Signatures
import TestSupport
import Testing
import WireFormat

/// A person stops an executor that is in the middle of a step: through the CLI and the gateway, down to the cluster.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AbortTests {
    /// A running executor whose first change was made in the cluster, and whose answer is still on its way.
    private func inTheMiddleOfAStep(
        rollback: [Action] = Stage.rollback,
        _ body: @escaping @Sendable (ProcessStage, PlanRecord, ProcessStage.Program) async throws -> Void
    ) async throws {
        try await ProcessStage.use(programs: BuiltPrograms.debugFolder) { processes in
            let record = try await processes.stage.propose(rollback: rollback) {
                $0.verification.intervalSeconds = 1
            }
            #expect(try processes.approver(["approve", record.id, "--yes"]).text.contains("APPROVED"))
            try await processes.fail([Fault(.slow, milliseconds: 2_500, resource: "deployments")])
            let executor = try processes.startExecutor()
            defer { executor.end() }
            // The start and the intent of the first step are written: the change comes next.
            #expect(try await processes.wait(for: 2, of: .outcomes, while: executor) >= 2)
            try await body(processes, record, executor)
        }
    }

    private func steps(_ processes: ProcessStage) async throws -> [String] {
        try await processes.effects().map {
            String($0.operation.split(separator: "-").dropFirst().joined(separator: "-"))
        }
    }

    private func actions(_ stage: Stage) async throws -> [String] {
        try await stage.store.entries(stage.keys.stream(.audit, stage.partition), after: .zero, limit: 1_000)
            .map { try Envelope($0).decode(AuditEntry.self).action }
    }

    @Test func anAbortByTheCLIStopsBeforeTheNextStepAndUndoes() async throws {
        try await inTheMiddleOfAStep { processes, record, executor in
            let word = ["abort", record.id, "--yes", "--reason", "wrong one"]
            let said = try processes.approver(word, by: processes.stage.john)
            #expect(
                said.status == 0 && said.text.contains("your abort is recorded; the plan is RUNNING"), "\(said.text)")
            #expect(try processes.approver(word, by: processes.stage.john).text.contains("was recorded before"))
            #expect(try await processes.wait(for: record.hash, while: executor) == .rolledBack)
            #expect(try await steps(processes) == ["step-0", "rollback-0"])
            let actions = try await actions(processes.stage)
            let order = ["plan.started", "plan.abort", "plan.aborted"].map { actions.firstIndex(of: $0) ?? -1 }
            #expect(order == order.sorted() && !order.contains(-1), "\(actions)")
            let history = try processes.approver(["history", record.id]).text
            #expect(history.contains("john@example.com") && history.contains("stopped the execution"), "\(history)")
            let verified = try processes.approver(["verify", record.id])
            #expect(verified.status == 0 && verified.text.contains("john@example.com: ABORT as approver"))
            let late = try processes.approver(["abort", record.id, "--yes", "--reason", "again"])
            #expect(late.status == 2 && late.text.contains("ROLLED_BACK and no longer"), "\(late.text)")
        }
    }

    @Test func anAbortThroughTheGatewayCallsAPersonWhereNothingUndoesIt() async throws {
        try await inTheMiddleOfAStep(rollback: []) { processes, record, executor in
            let (url, token, server) = try processes.startGateway("john@example.com")
            defer { server.end() }
            let said = try processes.approver(
                ["abort", record.id, "--yes", "--reason", "wrong one", "--gateway", url, "--token-file", token],
                by: processes.stage.john)
            #expect(said.status == 0 && said.text.contains("your abort is recorded"), "\(said.text)")
            #expect(try await processes.wait(for: record.hash, while: executor) == .needsHuman)
            #expect(try await steps(processes) == ["step-0"])
            let ended = try await processes.stage.record(record.hash)
            #expect(ended.reason.contains("john@example.com stopped the execution"), "\(ended.reason)")
            let (stage, keys) = (processes.stage, processes.stage.keys)
            let notices = try await stage.store.entries(
                keys.stream(.notices, stage.partition), after: .zero, limit: 10)
            #expect(notices.last?.text("kind") == "page")
        }
    }

    @Test func forgedAbortsAreIgnored() async throws {
        try await inTheMiddleOfAStep { processes, record, executor in
            let stage = processes.stage
            let thief = Ed25519Signer()
            let stranger = try processes.approver(["abort", record.id, "--yes", "--reason", "x"], by: thief)
            #expect(stranger.status == 1 && stranger.text.contains("for nobody"), "\(stranger.text)")
            let (url, token, server) = try processes.startGateway("john@example.com")
            defer { server.end() }
            let maker = StatementMaker(
                cluster: "proof", policyHash: try record.plan().policyHash, digest: SHA256Digest())
            func abort(_ person: String, _ signer: Ed25519Signer) throws -> SignedStatement {
                try maker.make(
                    .abort, about: record, plan: try record.plan(), approver: person, role: Verifier.approverRole,
                    comment: "", nonce: String(repeating: "d", count: 32), signer: signer, now: stage.now
                ).0
            }
            // With John's token: signed by a thief, signed by Jane, and not signed at all.
            for (signed, expected) in [
                (try abort("john@example.com", thief), "403"), (try abort("jane@example.com", stage.jane), "400"),
                (nil, "403"),
            ] {
                var fields = ["reason": "x"]
                fields["statement"] = signed?.statement
                fields["signature"] = signed.map { Data($0.signature).base64EncodedString() }
                let body = String(decoding: try JSONEncoder().encode(fields), as: UTF8.self)
                let bearer = try String(contentsOfFile: token, encoding: .utf8)
                let status = try Shell.output(
                    "/usr/bin/curl",
                    [
                        "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-H",
                        "Authorization: Bearer \(bearer)", "-d", body, "\(url)/api/approvals/\(record.id)/abort",
                    ])
                #expect(status == expected)
            }
            // Straight into the store.
            let key = stage.keys.plan(record.hash, stage.partition)
            let forged = try abort("john@example.com", thief).canonicalJSON()
            _ = try await stage.store.transition(
                Transaction(changes: [
                    .set(key: key, fields: [Field(PlanRecord.withdrawalPrefix + "john@example.com", forged)])
                ]))
            #expect(try await processes.wait(for: record.hash, while: executor) == .succeeded)
            #expect(try await steps(processes) == ["step-0", "step-1"])
            #expect(try await !actions(stage).contains("plan.aborted"))
        }
    }
}

private enum Shell {
    static func output(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }
}
