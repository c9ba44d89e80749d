import Authority
import Model
import Signatures
import TestSupport
import Testing
import WireFormat

@Suite struct VerifierTests {
    private func approved(_ statements: [SignedStatement], _ plan: Plan = Fixtures.plan()) throws -> PlanRecord {
        var record = try Fixtures.record(plan, state: .approved)
        for signed in statements {
            let statement = try ApprovalStatement(json: Array(signed.statement.utf8))
            record.statements[statement.approver] = try signed.canonicalJSON()
        }
        return record
    }

    @Test func anApprovedPlanMayStart() throws {
        let record = try approved([try Fixtures.statement(about: try Fixtures.record())])
        #expect(try Fixtures.verifier().startable(record, now: Fixtures.now) == Fixtures.plan())
    }

    @Test func approvedByStateAloneIsNotApproved() throws {
        let record = try approved([])
        #expect(throws: Refusal.quorum(have: 0, need: 1)) {
            try Fixtures.verifier().startable(record, now: Fixtures.now)
        }
    }

    @Test func everyAlteredByteOfAPlanIsRefused() throws {
        let record = try approved([try Fixtures.statement(about: try Fixtures.record())])
        let verifier = Fixtures.verifier()
        for index in record.body.indices {
            var altered = record
            altered.body[index] ^= 1
            #expect(throws: Refusal.self) { try verifier.startable(altered, now: Fixtures.now) }
        }
    }

    @Test func aReviewIsClosedByTheSignatureOfSomebodyElseOnly() throws {
        var policy = Fixtures.policy()
        for index in 0...1 { policy.approvers[index].roles.insert(Verifier.breakGlassRole) }
        let verifier = Fixtures.verifier(policy)
        let (jane, john) = ("jane@example.com", "john@example.com")
        let plan = Fixtures.plan()
        let base = try Fixtures.record()
        let open = try approved([try Fixtures.statement(about: base, role: Verifier.breakGlassRole)])
        #expect(verifier.review(of: base, plan) == .notNeeded)
        #expect(verifier.review(of: open, plan) == .open(letThroughBy: [jane]))
        #expect(verifier.hasEmergency(open, plan))
        func status(_ signed: SignedStatement, by person: String, _ record: PlanRecord? = nil) throws -> ReviewStatus {
            var record = record ?? open
            record.reviews[person] = try signed.canonicalJSON()
            return verifier.review(of: record, plan)
        }
        func signed(
            _ person: String, says verdict: Verdict = .review, about record: PlanRecord? = nil,
            role: String = Verifier.approverRole, signer: Ed25519Signer = Fixtures.second,
            from: Timestamp = Fixtures.now
        ) throws -> SignedStatement {
            try Fixtures.statement(
                verdict, about: record ?? base, by: person, role: role, signer: signer, from: from)
        }
        let genuine = try signed(john)
        #expect(
            try status(genuine, by: john)
                == .closed(letThroughBy: [jane], by: john, at: Fixtures.now, comment: ""))
        // Of another plan, another person's, by who let it through, another word, through a gateway, with another key,
        // before the emergency.
        let other = try Fixtures.record(Fixtures.plan(created: Fixtures.now.advanced(bySeconds: 1)))
        let forgeries: [(SignedStatement, String)] = [
            (try signed(john, about: other), john), (genuine, jane), (genuine, "viewer@example.com"),
            (try signed(jane, signer: Fixtures.approver), jane), (try signed(john, says: .approve), john),
            (try signed(john, says: .abort), john),
            (try signed(john, role: Verifier.delegateRole, signer: Fixtures.gateway), john),
            (try signed(john, role: Verifier.breakGlassRole), john), (try signed(john, signer: Ed25519Signer()), john),
            (try signed("viewer@example.com", signer: Fixtures.gateway), "viewer@example.com"),
            (try signed(john, from: Fixtures.now.advanced(bySeconds: -60)), john),
        ]
        for (index, (forged, person)) in forgeries.enumerated() {
            #expect(try status(forged, by: person).isOpen, "forgery \(index)")
        }
        for index in genuine.statement.utf8.indices {
            var bytes = Array(genuine.statement.utf8)
            bytes[genuine.statement.utf8.distance(from: genuine.statement.utf8.startIndex, to: index)] ^= 1
            let altered = SignedStatement(
                statement: String(decoding: bytes, as: UTF8.self), signature: genuine.signature)
            #expect(try status(altered, by: john).isOpen)
        }
        // Both let it through, and one of them under a false name.
        var both = open
        both.statements["viewer@example.com"] = try signed(
            john, says: .approve, role: Verifier.breakGlassRole
        ).canonicalJSON()
        #expect(try status(genuine, by: john, both).isOpen)
        #expect(throws: Refusal.outsideWindow(approver: john)) {
            try verifier.review(genuine, of: open, plan, now: Fixtures.now.advanced(bySeconds: 901))
        }
        #expect(throws: Refusal.noEmergency) { try verifier.review(genuine, of: base, plan, now: Fixtures.now) }
    }

    @Test func anAlteredPlanUnderItsOwnHashHasNoPlanner() throws {
        var plan = Fixtures.plan()
        plan.steps[0].action.parameters["command"] = "format"
        var record = try Fixtures.record(plan, state: .approved)
        record.plannerSignature = try Fixtures.record().plannerSignature
        #expect(throws: Refusal.unsignedPlan) { try Fixtures.verifier().startable(record, now: Fixtures.now) }
    }

    @Test func everyAlteredByteOfAStatementIsRefused() throws {
        let record = try Fixtures.record()
        let signed = try Fixtures.statement(about: record)
        let verifier = Fixtures.verifier()
        let bytes = Array(signed.statement.utf8)
        for index in bytes.indices {
            var altered = bytes
            altered[index] ^= 1
            let forged = SignedStatement(
                statement: String(decoding: altered, as: UTF8.self), signature: signed.signature)
            #expect(throws: Refusal.self) {
                try verifier.statement(forged, about: Fixtures.plan(), hash: record.hash, now: Fixtures.now)
            }
        }
        for index in signed.signature.indices {
            var altered = signed
            altered.signature[index] ^= 1
            #expect(throws: Refusal.forged(approver: "jane@example.com")) {
                try verifier.statement(altered, about: Fixtures.plan(), hash: record.hash, now: Fixtures.now)
            }
        }
    }

    @Test func statementsAreBoundToClusterPolicyPersonAndTime() throws {
        let record = try Fixtures.record()
        let verifier = Fixtures.verifier()
        func check(_ signed: SignedStatement, at time: Timestamp = Fixtures.now) throws {
            _ = try verifier.statement(signed, about: Fixtures.plan(), hash: record.hash, now: time)
        }
        try check(try Fixtures.statement(about: record))
        #expect(throws: Refusal.otherSubject("cluster (prod)")) {
            try check(try Fixtures.statement(about: record, cluster: "prod"))
        }
        #expect(throws: Refusal.otherPolicy) { try check(try Fixtures.statement(about: record, policyHash: "old")) }
        #expect(throws: Refusal.notAnApprover("viewer@example.com", role: "approver")) {
            try check(try Fixtures.statement(about: record, by: "viewer@example.com", signer: Fixtures.gateway))
        }
        #expect(throws: Refusal.notAnApprover("nobody@example.com", role: "approver")) {
            try check(try Fixtures.statement(about: record, by: "nobody@example.com"))
        }
        #expect(throws: Refusal.self) {
            try check(try Fixtures.statement(about: record, by: "jane@example.com", signer: Fixtures.second))
        }
        let signed = try Fixtures.statement(about: record, until: Fixtures.now.advanced(bySeconds: 10))
        #expect(throws: Refusal.outsideWindow(approver: "jane@example.com")) {
            try check(signed, at: Fixtures.now.advanced(bySeconds: 10))
        }
        #expect(throws: Refusal.outsideWindow(approver: "jane@example.com")) {
            try check(signed, at: Fixtures.now.advanced(bySeconds: -1))
        }
    }

    @Test func anotherPlansApprovalDoesNotCount() throws {
        var other = Fixtures.plan()
        other.title = "another"
        let foreign = try Fixtures.statement(about: try Fixtures.record(other))
        #expect(throws: Refusal.otherSubject("plan")) {
            try Fixtures.verifier().startable(try approved([foreign]), now: Fixtures.now)
        }
    }

    @Test func expiryIsJudgedAtTheStart() throws {
        let record = try approved([try Fixtures.statement(about: try Fixtures.record())])
        #expect(throws: Refusal.expired) {
            try Fixtures.verifier().startable(record, now: Fixtures.plan().expires)
        }
    }

    @Test func quorumCountsPeopleNotStatements() throws {
        var policy = Fixtures.policy()
        policy.quorum = 2
        let verifier = Fixtures.verifier(policy)
        let one = try Fixtures.statement(about: try Fixtures.record())
        var record = try approved([one])
        #expect(throws: Refusal.quorum(have: 1, need: 2)) { try verifier.startable(record, now: Fixtures.now) }
        record.statements["john@example.com"] = record.statements["jane@example.com"]
        #expect(throws: Refusal.self) { try verifier.startable(record, now: Fixtures.now) }
        let two = try Fixtures.statement(
            about: try Fixtures.record(), by: "john@example.com", signer: Fixtures.second)
        #expect(try verifier.startable(try approved([one, two]), now: Fixtures.now) == Fixtures.plan())
    }

    @Test func aDelegateSpeaksForOneOnly() throws {
        let record = try Fixtures.record()
        let signed = try Fixtures.statement(about: record, role: Verifier.delegateRole, signer: Fixtures.gateway)
        _ = try Fixtures.verifier().startable(try approved([signed]), now: Fixtures.now)
        var policy = Fixtures.policy()
        policy.quorum = 2
        #expect(throws: Refusal.delegateNotAllowed("jane@example.com")) {
            try Fixtures.verifier(policy).startable(try approved([signed]), now: Fixtures.now)
        }
    }

    @Test func aRejectionWins() throws {
        let yes = try Fixtures.statement(about: try Fixtures.record())
        let no = try Fixtures.statement(
            .reject, about: try Fixtures.record(), by: "john@example.com", signer: Fixtures.second)
        #expect(throws: Refusal.rejected(by: "john@example.com")) {
            try Fixtures.verifier().startable(try approved([yes, no]), now: Fixtures.now)
        }
    }

    @Test func understatedRiskAndForeignNamespacesAreRefused() throws {
        var plan = Fixtures.plan()
        plan.risk = RiskAssessment(score: 0.1, floor: 0.1, band: .auto, factors: [])
        let low = try approved([try Fixtures.statement(about: try Fixtures.record(plan))], plan)
        #expect(throws: Refusal.understated("risk")) { try Fixtures.verifier().startable(low, now: Fixtures.now) }
        var foreign = Fixtures.plan()
        foreign.target.namespace = "kube-system"
        let record = try approved([try Fixtures.statement(about: try Fixtures.record(foreign))], foreign)
        #expect(throws: Refusal.self) { try Fixtures.verifier().startable(record, now: Fixtures.now) }
    }

    @Test func autoNeedsTheSwitchAndTheAllowList() throws {
        var plan = Fixtures.plan()
        plan.risk = RiskAssessment(score: 0.3, floor: 0, band: .auto, factors: [])
        plan.quorum = 0
        var policy = Fixtures.policy()
        policy.floors = [:]
        let record = try Fixtures.record(plan, state: .autoReady)
        _ = try Fixtures.verifier(policy, auto: true).startable(record, now: Fixtures.now)
        #expect(throws: Refusal.quorum(have: 0, need: 1)) {
            try Fixtures.verifier(policy, auto: false).startable(record, now: Fixtures.now)
        }
        policy.autoActions = []
        #expect(throws: Refusal.quorum(have: 0, need: 1)) {
            try Fixtures.verifier(policy, auto: true).startable(record, now: Fixtures.now)
        }
    }

    /// The planner signs how many people a plan needs; whoever can write to the store cannot make it none.
    @Test func aPlanThatWasToBeApprovedDoesNotBecomeAutomatic() throws {
        var plan = Fixtures.plan()
        plan.risk = RiskAssessment(score: 0.3, floor: 0, band: .auto, factors: [])
        plan.quorum = 1
        var policy = Fixtures.policy()
        policy.floors = [:]
        let record = try Fixtures.record(plan, state: .autoReady)
        #expect(throws: Refusal.quorum(have: 0, need: 1)) {
            try Fixtures.verifier(policy, auto: true).startable(record, now: Fixtures.now)
        }
    }

    @Test func inShadowModeNothingIsStartedOrTakenUp() throws {
        let record = try approved([try Fixtures.statement(about: try Fixtures.record())])
        let verifier = Fixtures.verifier(isShadow: true)
        #expect(throws: Refusal.self) { try verifier.startable(record, now: Fixtures.now) }
        #expect(throws: Refusal.self) { try verifier.resumable(record, now: Fixtures.now) }
    }

    /// What a step reaches is judged like the target itself, whatever the target says.
    @Test(arguments: [
        (Action(type: .restartPod, parameters: ["pods": "kube-system/dns-1=u"]), "kube-system"),
        (Action(type: .restartPod, parameters: ["pods": "other/web-1=u"]), "other"),
        (Action(type: .restartPod, parameters: ["pods": "shop/web-1=u,shop/web-2=u"]), "one pod"),
        (Action(type: .restartPod, parameters: ["pods": "web-1"]), "namespace/name=uid"),
        (Action(type: .drain, parameters: ["pods": "shop/web-1=u,kube-system/dns-1=u"]), "kube-system"),
        (Action(type: .drain, parameters: ["pods": "shop/postgres-0=u"]), "deny list"),
        (
            Action(
                type: .rollbackConfig, parameters: [:],
                pin: Pin(object: "/api/v1/namespaces/shop/secrets/postgres", uid: "u", generation: 0, digest: "")),
            "deny list"
        ),
        (
            Action(
                type: .scale, parameters: [:],
                pin: Pin(
                    object: "/apis/apps/v1/namespaces/kube-system/deployments/dns", uid: "u", generation: 1, digest: "")
            ), "kube-system"
        ),
        (
            Action(
                type: .scale, parameters: [:], pin: Pin(object: "/api/v1/nodes/a", uid: "u", generation: 0, digest: "")),
            "cluster"
        ),
    ])
    func whatAStepReachesIsJudgedLikeTheTarget(action: Action, reason: String) throws {
        var policy = Fixtures.policy()
        policy.actions = Set(ActionType.allCases)
        policy.deniedTargets = [TargetPattern(name: "*postgres*")]
        let step = Step(index: 0, description: "", action: action, timeoutSeconds: 10)
        let objection = policy.objection(to: [step], on: Fixtures.target)
        #expect(objection?.contains(reason) == true, "\(objection ?? "no objection")")
    }

    @Test func whatAStepReachesWithinTheTargetsNamespaceIsAllowed() {
        var policy = Fixtures.policy()
        policy.actions = Set(ActionType.allCases)
        let actions = [
            Action(type: .restartPod, parameters: ["pods": "shop/web-1=u"]),
            Action(type: .restartPod, parameters: ["pod": "oldest"]),
            Action(type: .drain, parameters: ["pods": "shop/web-1=u,shop/web-2=u"]),
            Action(
                type: .cordon, pin: Pin(object: "/api/v1/nodes/a", uid: "u", generation: 0, digest: "")),
            Action(
                type: .scale,
                pin: Pin(object: "/apis/apps/v1/namespaces/shop/deployments/web", uid: "u", generation: 1, digest: "")),
        ]
        let steps = actions.map { Step(index: 0, description: "", action: $0, timeoutSeconds: 10) }
        #expect(policy.objection(to: steps, on: Fixtures.target) == nil)
    }

    /// Redis can say that a plan is running; only signatures say that it may.
    @Test(arguments: [PlanState.running, .verifying, .rollingBack])
    func aRunningPlanIsTakenUpOnlyWithItsApprovals(state: PlanState) throws {
        let verifier = Fixtures.verifier()
        #expect(throws: Refusal.quorum(have: 0, need: 1)) {
            try verifier.resumable(try Fixtures.record(state: state), now: Fixtures.now)
        }
        var record = try approved([try Fixtures.statement(about: try Fixtures.record())])
        record.state = state
        _ = try verifier.resumable(record, now: Fixtures.now)
        // Begun in time, taken up a little after the expiry: goes on. Much later: a person decides.
        _ = try verifier.resumable(record, now: Fixtures.plan().expires.advanced(bySeconds: 30))
        #expect(throws: Refusal.expired) {
            try verifier.resumable(record, now: Fixtures.plan().expires.advanced(bySeconds: 3_600))
        }
    }
}
