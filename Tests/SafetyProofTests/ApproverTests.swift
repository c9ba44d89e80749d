import Authority
import Bus
import Foundation
import Model
import SafetyProofs
import Testing

/// The approver's CLI against a real Redis, with a real executor and the simulated API server.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ApproverTests {
    @Test func aPersonDecidesStopsAndChecksWithTheCLI() async throws {
        try await ProcessStage.use(programs: BuiltPrograms.debugFolder) { processes in
            let stage = processes.stage
            func run(_ arguments: String..., fails: Bool = false) throws -> String {
                let (status, text) =
                    switch arguments.count {
                    case 1: try processes.approver(arguments[0])
                    case 2: try processes.approver(arguments[0], arguments[1])
                    case 3: try processes.approver(arguments[0], arguments[1], arguments[2])
                    case 4: try processes.approver(arguments[0], arguments[1], arguments[2], arguments[3])
                    default:
                        try processes.approver(
                            arguments[0], arguments[1], arguments[2], arguments[3], arguments[4])
                    }
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
            // The very same words again are a new statement, with another nonce: what was said stands.
            _ = try run("approve", record.id, "--yes", fails: true)
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
            let second = try await stage.propose(title: "second")
            #expect(try run("approve", second.id, "--yes").contains("APPROVED"))
            let executor = try processes.startExecutor()
            defer { executor.end() }
            // The executor claims the plan and then waits for the freeze to end.
            _ = try await processes.wait(for: second.hash, while: executor, seconds: 3)
            #expect(try await processes.effects().isEmpty)
            #expect(try run("unfreeze").contains("allowed again"))
            #expect(try await processes.wait(for: second.hash, while: executor) == .succeeded)
            #expect(try await processes.effects().count == 2)
            #expect(try await stage.record(record.hash).state == .revoked)
        }
    }
}
