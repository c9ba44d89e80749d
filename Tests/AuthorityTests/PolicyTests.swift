import Authority
import Model
import Signatures
import TestSupport
import Testing
import WireFormat

@Suite struct TimeWindowTests {
    /// Friday, 2026-02-06T14:30:22Z.
    private let friday = Timestamp(milliseconds: 1_770_388_222_000)

    private func window(_ days: Set<Int>, _ start: Int, _ end: Int, offset: Int = 0) -> TimeWindow {
        TimeWindow(
            name: "w", zone: ZoneOffsets(name: "z", initial: offset), days: days, startMinute: start, endMinute: end)
    }

    @Test func daysAndMinutesAreLocal() {
        #expect(window([4], 14 * 60, 15 * 60).contains(friday))
        #expect(!window([3, 5], 14 * 60, 15 * 60).contains(friday))
        #expect(!window([4], 15 * 60, 16 * 60).contains(friday))
        #expect(window([4], 15 * 60, 16 * 60, offset: 3_600).contains(friday))
        // It is Saturday already, ten hours east.
        #expect(window([5], 0, 60, offset: 36_000).contains(friday))
    }

    @Test func aWindowGoesOnOverMidnight() {
        let night = window([4], 22 * 60, 6 * 60)
        #expect(night.contains(friday.advanced(bySeconds: 8 * 3_600)))
        #expect(night.contains(friday.advanced(bySeconds: 15 * 3_600)))
        #expect(!night.contains(friday.advanced(bySeconds: 16 * 3_600)))
        #expect(!night.contains(friday.advanced(bySeconds: -12 * 3_600)))
    }

    @Test func spansAndChangesOfTheClock() {
        var window = window([], 0, 1_440)
        window.from = 1_770_336_000_000
        window.until = 1_770_422_400_000
        #expect(window.contains(friday))
        #expect(!window.contains(friday.advanced(bySeconds: 86_400)))
        let zone = ZoneOffsets(
            name: "z", initial: 3_600, changes: [.init(time: friday, offset: 7_200)])
        #expect(zone.offset(at: friday.advanced(bySeconds: -1)) == 3_600)
        #expect(zone.offset(at: friday) == 7_200)
    }
}

@Suite struct PolicyRuleTests {
    private let database = Entity(cluster: "test", namespace: "shop", kind: "StatefulSet", name: "orders-postgres-0")

    @Test(arguments: [
        ("*/*/*postgres*", true), ("shop/*/*", true), ("shop/StatefulSet/orders-*", true), ("prod/*/*", false),
        ("*/*/postgres*", false), ("*/*/*0*0", false), ("*/*/orders-postgres-0", true), ("*/*/**", true),
    ])
    func patternsHaveStars(pattern: String, fits: Bool) {
        #expect(TargetPattern(pattern)?.matches(database) == fits)
    }

    @Test func patternsNeedThreeParts() {
        #expect(TargetPattern("shop") == nil && TargetPattern("a//b") == nil && TargetPattern("a/b/c/d") == nil)
    }

    @Test func deniedTargetsAreNeverActedOn() throws {
        var policy = Fixtures.policy()
        policy.deniedTargets = [try #require(TargetPattern("*/*/shop"))]
        let record = try approved()
        #expect(throws: Refusal.self) { try Fixtures.verifier(policy).startable(record, now: Fixtures.now) }
    }

    private func approved(_ plan: Plan = Fixtures.plan()) throws -> PlanRecord {
        var record = try Fixtures.record(plan, state: .approved)
        record.statements["jane@example.com"] = try Fixtures.statement(about: record).canonicalJSON()
        return record
    }

    @Test func floorsByLabelsCountWhenTheLabelsAreThere() throws {
        var policy = Fixtures.policy()
        policy.targetFloors = [
            TargetFloor(pattern: TargetPattern(), labels: ["tier": "database"], actions: [.runCommand], floor: 0.7)
        ]
        let verifier = Fixtures.verifier(policy)
        let record = try approved()
        _ = try verifier.startable(record, labels: [:], now: Fixtures.now)
        _ = try verifier.startable(record, labels: ["tier": "web"], now: Fixtures.now)
        #expect(throws: Refusal.understated("risk")) {
            try verifier.startable(record, labels: ["tier": "database"], now: Fixtures.now)
        }
        // Labels that nobody could read may be those.
        #expect(throws: Refusal.understated("risk")) {
            try verifier.startable(record, labels: nil, now: Fixtures.now)
        }
    }

    @Test func aFreezeWindowStopsAllButBreakGlass() throws {
        var policy = Fixtures.policy()
        policy.freezeWindows = [TimeWindow(name: "release", zone: .utc)]
        policy.approvers[0].roles.insert("break-glass")
        let verifier = Fixtures.verifier(policy)
        #expect(throws: Refusal.forbidden("nothing is started in the window 'release' of the policy")) {
            try verifier.startable(try approved(), now: Fixtures.now)
        }
        var record = try Fixtures.record(state: .approved)
        record.statements["jane@example.com"] = try Fixtures.statement(about: record, role: Verifier.breakGlassRole)
            .canonicalJSON()
        _ = try verifier.startable(record, now: Fixtures.now)
    }

    @Test func aRevokedKeyCountsNoMore() throws {
        var policy = Fixtures.policy()
        policy.revokedKeys = [Fixtures.approver.publicKey]
        #expect(throws: Refusal.self) { try Fixtures.verifier(policy).startable(try approved(), now: Fixtures.now) }
    }

    @Test func aRevocationStopsAndAnAbortIsSeen() throws {
        let verifier = Fixtures.verifier()
        var record = try approved()
        let revocation = try Fixtures.statement(.revoke, about: record)
        record.withdrawals["jane@example.com"] = try revocation.canonicalJSON()
        #expect(throws: Refusal.revoked(by: "jane@example.com")) {
            try verifier.startable(record, now: Fixtures.now)
        }
        #expect(verifier.stopped(Fixtures.plan(), record, now: Fixtures.now)?.state == .revoked)
        #expect(verifier.abort(of: Fixtures.plan(), record, now: Fixtures.now) == nil)
        let abort = try Fixtures.statement(.abort, about: record)
        record.withdrawals["jane@example.com"] = try abort.canonicalJSON()
        #expect(verifier.abort(of: Fixtures.plan(), record, now: Fixtures.now) == "jane@example.com")
        // Another person's words under jane's name are nobody's.
        record.withdrawals = ["john@example.com": try abort.canonicalJSON()]
        #expect(verifier.abort(of: Fixtures.plan(), record, now: Fixtures.now) == nil)
    }

    @Test func budgetsAreCounted() throws {
        var policy = Fixtures.policy()
        policy.budgets = Budgets(perTargetAndHour: 2, perNamespaceAndHour: 5, concurrent: 1, replicaShare: 0.34)
        let verifier = Fixtures.verifier(policy)
        #expect(try verifier.withinBudgets(Fixtures.plan(), onTarget: 1, inNamespace: 4, active: 0) == nil)
        for (target, namespace) in [(2, 4), (1, 5)] {
            #expect(throws: Refusal.self) {
                try verifier.withinBudgets(Fixtures.plan(), onTarget: target, inNamespace: namespace, active: 0)
            }
        }
        // What is carried out at the time ends: a plan waits for it.
        #expect(try verifier.withinBudgets(Fixtures.plan(), onTarget: 1, inNamespace: 4, active: 1) != nil)
        var plan = Fixtures.plan()
        plan.impact = Impact(replicas: 3, replicasTouched: 2)
        #expect(throws: Refusal.self) {
            try verifier.withinBudgets(plan, onTarget: 0, inNamespace: 0, active: 0)
        }
        plan.impact.replicasTouched = 1
        #expect(try verifier.withinBudgets(plan, onTarget: 0, inNamespace: 0, active: 0) == nil)
    }
}
