import Authority
import Bus
import Foundation
import KubeSimulator
import Kubernetes
import Model
import Proofs
import Remediation
import SafetyProofs
import Synchronization
import TestSupport
import Testing
import WireFormat

/// Plans side by side, plans that never pass, and what is left for a person.
@Suite(.timeLimit(.minutes(3))) struct ExecutionTests {
    private func notices(_ stage: Stage) async throws -> [StreamEntry] {
        try await stage.store.entries(stage.keys.stream(.notices, stage.partition), after: .zero, limit: 100)
    }

    private func queued(_ stage: Stage) async throws -> Int {
        try await stage.store.lowest(stage.keys.executionQueue(stage.partition), maximum: .max, limit: 100).count
    }

    /// Counts plans between their claim and their end.
    private final class Gauge: Sendable {
        private let state = Mutex((now: 0, most: 0))

        func note(_ point: CrashPoint) {
            state.withLock { state in
                if point == .afterClaim { state.now += 1 }
                if point == .beforeFinish { state.now -= 1 }
                state.most = max(state.most, state.now)
            }
        }

        var most: Int { state.withLock { $0.most } }
    }

    /// The first one waits for the second.
    private final class Meeting: Sendable {
        private let isFirst = Mutex(true)
        private let (arrivals, second) = AsyncStream.makeStream(of: Void.self)

        func arrive() async {
            guard
                isFirst.withLock({ first in
                    defer { first = false }
                    return first
                })
            else { return second.finish() }
            for await _ in arrivals {}
        }
    }

    @Test(arguments: [1, 3, 100]) func plansRunSideBySideWithinTheBudgetOfTheirNamespace(most: Int) async throws {
        let stage = try Stage {
            $0.budgets.concurrent = most
            $0.planLifetimeSeconds = 86_400
        }
        let (targets, objects) = Stage.neighbours(12)
        stage.server.load(objects)
        var hashes: [String] = []
        for target in targets {
            // All plans share one clock, which every wait of each of them moves on: nothing of theirs may run out.
            let record = try await stage.propose(on: target) { $0.verification.timeoutSeconds = 86_400 }
            try await stage.say(.approve, about: record)
            hashes.append(record.hash)
        }
        let gauge = Gauge()
        let meeting = Meeting()
        try await stage.execute(term: 1) { point in
            gauge.note(point)
            // Without a second plan beside it, the first one would never go on.
            if most > 1, point == .afterClaim { await meeting.arrive() }
        }
        for hash in hashes {
            let ended = try await stage.record(hash)
            #expect(ended.state == .succeeded, "\(ended.reason)")
        }
        #expect(stage.effects.count == 24)
        #expect(gauge.most <= min(most, 8), "\(gauge.most) at a time")
        #expect(try await queued(stage) == 0)
    }

    @Test func plansOnOneTargetTakeTurns() async throws {
        let stage = try Stage()
        let first = try await stage.propose(title: "first")
        let second = try await stage.propose(title: "second")
        for record in [first, second] { try await stage.say(.approve, about: record) }
        let gauge = Gauge()
        try await stage.execute(term: 1) { gauge.note($0) }
        let states = [try await stage.record(first.hash).state, try await stage.record(second.hash).state]
        // Whoever comes second finds the object changed.
        #expect(Set(states) == [.succeeded, .stale])
        #expect(gauge.most <= 1)
    }

    @Test func aDecisionThatCannotBeReadEndsItsPlanWithAPerson() async throws {
        let stage = try Stage()
        let record = try await stage.propose()
        let key = stage.keys.plan(record.hash, stage.partition)
        let stream = stage.keys.stream(.decisions, stage.partition)
        _ = try await stage.store.transition(
            Transaction(changes: [
                .set(key: key, fields: [Field("state", PlanState.approved.rawValue)]),
                .append(stream: stream, fields: [Field("id", "\(record.hash)-APPROVED"), Field("data", "{")]),
                .append(stream: stream, fields: [Field("id", "nobody"), Field("data", "{")]),
            ]))
        try await stage.execute(term: 1)
        let ended = try await stage.record(record.hash)
        #expect(ended.state == .needsHuman && ended.reason.contains("cannot be read"), "\(ended.reason)")
        #expect(stage.effects.isEmpty)
        let pages = try await notices(stage).filter { $0.text("kind") == "page" }
        #expect(pages.count == 2 && pages.first?.text("text")?.contains("step 1") == true)
        let audit = try await stage.store.newestEntries(stage.keys.stream(.audit, stage.partition), limit: 2)
            .map { try Envelope($0).decode(AuditEntry.self).action }
        #expect(audit == ["decision.unreadable", "plan.given-up"])
    }

    /// The hint is lost, not the decision: it stands in the plan's record, with its signature.
    @Test func aDecisionThatNamesNoPlanIsToldAndItsPlanIsTakenUp() async throws {
        let stage = try Stage()
        let decisions = stage.keys.stream(.decisions, stage.partition)
        let unsigned = try await stage.propose(title: "unsigned")
        let approved = try await stage.propose(title: "approved")
        try await stage.say(.approve, about: approved)
        _ = try await stage.store.transition(
            Transaction(changes: [
                .remove(key: decisions),
                .set(
                    key: stage.keys.plan(unsigned.hash, stage.partition),
                    fields: [Field("state", PlanState.approved.rawValue)]),
                .append(stream: decisions, fields: [Field("id", "nobody"), Field("data", "{")]),
            ]))
        try await stage.execute(term: 1)
        // Again, as after a death before the entry was set aside.
        try await stage.execute(term: 2)
        #expect(try await stage.record(approved.hash).state == .succeeded)
        #expect(try await stage.record(unsigned.hash).state == .stale)
        #expect(stage.effects.count == 2)
        let audit = try await stage.store.entries(stage.keys.stream(.audit, stage.partition), after: .zero, limit: 100)
            .map { try Envelope($0).decode(AuditEntry.self) }.filter { $0.action == "decision.unreadable" }
        #expect(audit.count == 1 && audit.first?.detail["taken-up"]?.contains(approved.id) == true)
        let pages = try await notices(stage).filter { $0.text("kind") == "page" }
        #expect(pages.count == 1 && pages.first?.text("text")?.contains(approved.id) == true)
    }

    @Test func aDecisionWhosePlanIsGoneIsTold() async throws {
        let stage = try Stage()
        let record = try await stage.propose()
        try await stage.say(.approve, about: record)
        _ = try await stage.store.transition(
            Transaction(changes: [.remove(key: stage.keys.plan(record.hash, stage.partition))]))
        try await stage.execute(term: 1)
        let pages = try await notices(stage)
        #expect(pages.map { $0.text("kind") } == ["page"])
        #expect(pages.first?.text("text")?.contains("there is no plan \(record.hash)") == true)
        #expect(pages.first?.text("text")?.contains("list --all") == true)
    }

    /// A label that raises the floor counts as it is when the plan begins, whatever it was when the plan was made.
    @Test func aLabelThatRaisesTheFloorAfterApprovalStopsThePlan() async throws {
        for isMarked in [false, true] {
            let stage = try Stage {
                $0.targetFloors = [
                    TargetFloor(
                        pattern: TargetPattern(namespace: "*", kind: "*", name: "*"), labels: ["tier": "gold"],
                        actions: [], floor: 0.9)
                ]
            }
            let record = try await stage.propose()
            try await stage.say(.approve, about: record)
            if isMarked {
                stage.server.add(
                    adversary: Adversary(
                        .before, "get", "deployments", path: Stage.path,
                        patch: ["metadata": ["labels": ["tier": "gold"]]]))
            }
            try await stage.execute(term: 1)
            let ended = try await stage.record(record.hash)
            #expect(ended.state == (isMarked ? .failed : .succeeded), "\(ended.reason)")
            #expect(stage.effects.isEmpty == isMarked)
            if isMarked { #expect(ended.reason == "the plan understates its risk") }
        }
    }

    /// Nobody approves what the cluster would not let that person do.
    @Test(arguments: ["jane", "group", "eve"]) func anApproverNeedsTheRightsOfWhatIsApproved(user: String) async throws
    {
        let stage = try Stage {
            $0.approvers[0].clusterUser = .init(
                name: user == "group" ? "eve" : user, groups: user == "group" ? ["sre"] : [])
        }
        let subjects: [JSONValue] = [["kind": "User", "name": "jane"], ["kind": "Group", "name": "sre"]]
        stage.server.load([
            [
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": ["name": "people", "namespace": "shop"],
                "rules": [["apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]]],
            ],
            [
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": ["name": "people", "namespace": "shop"], "roleRef": ["kind": "Role", "name": "people"],
                "subjects": .array(subjects),
            ],
        ])
        let record = try await stage.propose()
        try await stage.say(.approve, about: record)
        try await stage.execute(term: 1)
        let ended = try await stage.record(record.hash)
        #expect(ended.state == (user == "eve" ? .failed : .succeeded), "\(ended.reason)")
        #expect(stage.effects.count == (user == "eve" ? 0 : 2))
        if user == "eve" {
            #expect(
                ended.reason == "jane@example.com approved it, but eve may not patch deployments in shop in the cluster"
            )
        }
    }

    /// A stolen key goes only so far, whatever the store says of what it was used for before.
    @Test func onePersonsApprovalsAreNumbered() async throws {
        let stage = try Stage { $0.budgets.perApproverAndHour = 1 }
        let (targets, objects) = Stage.neighbours(3)
        stage.server.load(objects)
        func run(_ index: Int, _ person: String, term: Int64) async throws -> PlanRecord {
            let record = try await stage.propose(on: targets[index])
            try await stage.say(.approve, about: record, by: person)
            try await stage.execute(term: term)
            return try await stage.record(record.hash)
        }
        let first = try await run(0, "jane@example.com", term: 1)
        #expect(first.state == .succeeded)
        _ = try await stage.store.transition(
            Transaction(changes: [.remove(key: stage.keys.plan(first.hash, stage.partition))]))
        let second = try await run(1, "jane@example.com", term: 2)
        #expect(second.state == .failed)
        #expect(second.reason == "jane@example.com approved 1 executions in shop within the hour")
        #expect(try await run(2, "john@example.com", term: 3).state == .succeeded)
    }

    @Test func aGarbledDecisionDoesNotStopAPlanThatIsUnderWay() async throws {
        let stage = try Stage()
        let record = try await stage.propose()
        try await stage.say(.approve, about: record)
        _ = try await stage.store.transition(
            Transaction(changes: [
                .append(
                    stream: stage.keys.stream(.decisions, stage.partition),
                    fields: [Field("id", "\(record.hash)-APPROVED"), Field("data", "{")])
            ]))
        try await stage.execute(term: 1)
        #expect(try await stage.record(record.hash).state == .succeeded)
    }

    @Test func aPlanThatNeverPassesEndsWithAPerson() async throws {
        let stage = try Stage()
        let record = try await stage.propose()
        try await stage.say(.approve, about: record)
        for term in 1...7 {
            try? await stage.execute(term: Int64(term)) { if $0 == .afterIntent { throw Stage.Died() } }
        }
        let ended = try await stage.record(record.hash)
        #expect(ended.state == .needsHuman && ended.reason.contains("given up after 5 attempts"), "\(ended.reason)")
        #expect(stage.effects.isEmpty)
        #expect(try await queued(stage) == 0)
        let page = try await notices(stage).last
        #expect(page?.text("text")?.contains("begun, its outcome is not known") == true)
        // The claim is ended, too: nobody waits for it.
        let next = try await stage.propose(title: "next")
        try await stage.say(.approve, about: next)
        try await stage.execute(term: 20)
        #expect(try await stage.record(next.hash).state == .succeeded)
    }

    @Test func aRecordThatCannotBeReadEndsWithAPerson() async throws {
        let stage = try Stage()
        let record = try await stage.propose()
        try await stage.say(.approve, about: record)
        let key = stage.keys.plan(record.hash, stage.partition)
        _ = try await stage.store.transition(
            Transaction(changes: [.set(key: key, fields: [Field("state", "SOMETHING")])]))
        try await stage.execute(term: 1)
        let ended = try await stage.record(record.hash)
        #expect(ended.state == .needsHuman)
        #expect(try await notices(stage).map { $0.text("kind") } == ["page"])
    }

    @Test func anAPIThatIsAwayIsWaitedFor() async throws {
        let stage = try Stage()
        let record = try await stage.propose()
        try await stage.say(.approve, about: record)
        // More refusals than any client's own retries.
        stage.server.add(faults: (0..<40).map { _ in Fault(.status, status: 503, resource: "leases") })
        try await stage.execute(term: 1)
        #expect(try await stage.record(record.hash).state == .succeeded)
        #expect(stage.effects.count == 2)
    }

    @Test func whatWasChangedIsBackedUpAndAnEndIsTold() async throws {
        let stage = try Stage()
        let before = stage.deployment["spec"]
        let record = try await stage.propose()
        try await stage.say(.approve, about: record)
        try await stage.execute(term: 1)
        let backup = try await stage.store.fields(stage.keys.planBackup(record.hash, stage.partition))
        #expect(Set(backup.keys) == ["step-0", "step-1"])
        let manifest = try JSONValue(json: Data(backup["step-0"] ?? []))
        #expect(manifest["spec"] == before)
        let told = try await notices(stage)
        #expect(told.map { $0.text("kind") } == ["message"])
        #expect(told.first?.text("text")?.contains("SUCCEEDED") == true)
    }

    @Test func ticketsAndMessagesAreStepsThatAreDoneOnce() async throws {
        for point in [CrashPoint.afterIntent, .afterPatchBeforeRecord, .afterRecord] {
            let stage = try Stage()
            let actions = [
                Action(type: .openTicket, parameters: ["text": "web is slow"]),
                Action(type: .scale, parameters: ["replicas": "+1"]), Action(type: .notify),
            ]
            let record = try await stage.propose(actions, rollback: [])
            try await stage.say(.approve, about: record)
            try? await stage.execute(term: 1) { if $0 == point { throw Stage.Died() } }
            try await stage.execute(term: 2)
            let ended = try await stage.record(record.hash)
            #expect(ended.state == .succeeded, "\(ended.reason)")
            #expect(ended.progress?.steps.map(\.state).contains(.intent) == false)
            let told = try await notices(stage)
            #expect(told.map { $0.text("kind") } == ["ticket", "message", "message"], "\(point)")
            #expect(told.first?.text("text") == "web is slow")
            #expect(stage.effects.count == 1)
        }
    }

    @Test func anEmergencyIsReviewedEvenIfNobodyOpenedTheReview() async throws {
        let stage = try Stage()
        let record = try await stage.propose()
        try await stage.say(.approve, about: record, role: Verifier.breakGlassRole)
        let reviews = stage.keys.reviewQueue(stage.partition)
        _ = try await stage.store.transition(
            Transaction(changes: [.unrank(key: reviews, member: record.hash)]))
        try await stage.execute(term: 1)
        #expect(try await stage.record(record.hash).state == .succeeded)
        #expect(try await stage.store.lowest(reviews, maximum: .max, limit: 10).map(\.member) == [record.hash])
    }

    @Test func plansSideBySideSurviveADeath() async throws {
        let result = try await CrashProof.sideBySide(runs: 10, seed: 3)
        #expect(result.violations.isEmpty, "\(result.violations.prefix(5).joined(separator: "\n"))")
        #expect(result.figures["with a crash"] ?? 0 > 2)
    }
}
