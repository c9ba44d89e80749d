import Authority
import Bus
import Foundation
import LocalCommand
import Model
import Remediation
import SafetyProofs
import Synchronization
import Testing

/// A host without Kubernetes: commands that the operator configured, claims in the store.
///
/// What happened to a command is found out by its probe or not at all: at most once, and a person where nobody can tell.
@Suite(.timeLimit(.minutes(2))) struct SingleHostTests {
    private static let host = Entity(cluster: "proof", namespace: "shop", kind: "Process", name: "shop")

    /// A file that the command writes a line to.
    private final class Ledger: Sendable {
        let path = NSTemporaryDirectory() + "ledger-\(UUID().uuidString)"

        init() { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        var lines: [String] {
            ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
        }

        func target(hasProbe: Bool, script: String = "echo $1 >> $0") -> CommandTarget {
            let command = CommandDefinition(
                name: "restart", argv: ["/bin/sh", "-c", script, path, "{operation_id}"],
                probe: hasProbe ? ["/bin/grep", "-qsx", "{operation_id}", path] : nil, parameters: [:],
                namespaces: ["shop"])
            return CommandTarget { [command] }
        }
    }

    private func stage() async throws -> (stage: Stage, record: PlanRecord) {
        let stage = try Stage {
            $0.actions = [.runCommand]
            $0.floors = [.runCommand: 0.6]
        }
        let action = Action(type: .runCommand, parameters: ["command": "restart"])
        let record = try await stage.propose([action, action], rollback: [], title: "Restart", on: Self.host)
        try await stage.say(.approve, about: record)
        return (stage, record)
    }

    private func execute(
        _ stage: Stage, term: Int64, _ target: CommandTarget, dyingAt point: CrashPoint? = nil, after skip: Int = 0
    ) async throws {
        let left = Mutex(skip)
        let claims = StoreClaims(store: stage.store, keys: stage.keys, partitions: 16)
        try await stage.execute(term: term, targets: [target], claims: claims) { reached in
            guard reached == point else { return }
            let isNow = left.withLock { left in
                defer { left -= 1 }
                return left == 0
            }
            if isNow { throw Stage.Died() }
        }
    }

    @Test func commandsAreRunAndTheirEndIsVerified() async throws {
        let (stage, record) = try await stage()
        let ledger = Ledger()
        try await execute(stage, term: 1, ledger.target(hasProbe: false))
        #expect(try await stage.record(record.hash).state == .succeeded)
        #expect(ledger.lines.count == 2 && Set(ledger.lines).count == 2)
        // Whatever the store is made to say: claimed once, carried out once.
        let key = stage.keys.plan(record.hash, stage.partition)
        _ = try await stage.store.transition(
            Transaction(changes: [.set(key: key, fields: [Field("state", PlanState.approved.rawValue)])]))
        try await execute(stage, term: 2, ledger.target(hasProbe: false))
        #expect(ledger.lines.count == 2)
        #expect(try await stage.record(record.hash).state == .succeeded)
    }

    @Test(arguments: [false, true]) func whereverItDiesACommandIsRunAtMostOnce(hasProbe: Bool) async throws {
        let points: [CrashPoint] = [
            .afterVerify, .beforeClaim, .afterClaim, .afterIntent, .beforePatch, .afterPatchBeforeRecord, .afterRecord,
            .beforeVerify, .midVerify, .beforeFinish, .afterFinish,
        ]
        for point in points {
            for skip in 0...1 {
                let (stage, record) = try await stage()
                let ledger = Ledger()
                let target = ledger.target(hasProbe: hasProbe)
                try? await execute(stage, term: 1, target, dyingAt: point, after: skip)
                try await execute(stage, term: 2, target)
                let ended = try await stage.record(record.hash)
                let lines = ledger.lines
                #expect(Set(lines).count == lines.count, "\(point) \(skip): run twice")
                let isOpen = [.afterIntent, .beforePatch, .afterPatchBeforeRecord].contains(point)
                #expect(
                    ended.state == (isOpen && !hasProbe ? .needsHuman : .succeeded),
                    "\(point) \(skip): \(ended.state) \(ended.reason)")
                if ended.state == .succeeded { #expect(lines.count == 2, "\(point) \(skip)") }
            }
        }
    }

    @Test func anUnknownOutcomeParksThePlan() async throws {
        for (script, hasProbe, expected) in [
            // Fails after its effect, and before it; with a probe that tells, and without one.
            ("echo $1 >> $0; exit 3", false, PlanState.needsHuman), ("exit 3", false, .needsHuman),
            ("echo $1 >> $0; exit 3", true, .succeeded), ("exit 3", true, .failed),
            ("echo $1 >> $0; kill -9 $$", false, .needsHuman),
        ] {
            let (stage, record) = try await stage()
            let ledger = Ledger()
            try await execute(stage, term: 1, ledger.target(hasProbe: hasProbe, script: script))
            let ended = try await stage.record(record.hash)
            #expect(ended.state == expected, "\(script) \(hasProbe): \(ended.state) \(ended.reason)")
            #expect(Set(ledger.lines).count == ledger.lines.count)
        }
    }

    @Test func onlyWhatTheOperatorAllowedIsRun() async throws {
        let (stage, record) = try await stage()
        try await execute(stage, term: 1, CommandTarget { [] })
        let ended = try await stage.record(record.hash)
        #expect(ended.state == .failed && ended.reason.contains("not on the allow-list"), "\(ended.reason)")
    }
}
