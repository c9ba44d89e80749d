import Authority
import Bus
import Decision
import KubeSimulator
import Model
import Remediation
import SafetyProofs
import Signatures
import Synchronization
import Testing
import WireFormat

/// What happens between two steps counts before the second one: an abort, a freeze, another policy, the clock.
@Suite(.timeLimit(.minutes(2))) struct StepCheckTests {
    /// Carries out a plan of two steps, with something happening after the first.
    ///
    /// - Parameter rollback: of the plan; default undoes the first step.
    private func run(
        rollback: [Action] = Stage.rollback, at point: CrashPoint = .afterRecord,
        isGood: Bool = true, role: String = Verifier.approverRole,
        _ happening: @escaping @Sendable (Stage, PlanRecord) async throws -> Void
    ) async throws -> (stage: Stage, record: PlanRecord) {
        let stage = try Stage()
        if !isGood { stage.metric.withLock { $0 = 500 } }
        let record = try await stage.propose(rollback: rollback)
        try await stage.say(.approve, about: record, role: role)
        let isFirst = Mutex(true)
        try await stage.execute(term: 1) { reached in
            let isNow = isFirst.withLock { first in
                guard reached == point, first else { return false }
                first = false
                return true
            }
            if isNow { try await happening(stage, record) }
        }
        return (stage, try await stage.record(record.hash))
    }

    private func steps(_ stage: Stage) -> [String] {
        stage.effects.map { String($0.operation.split(separator: "-").dropFirst().joined(separator: "-")) }
    }

    private func audited(_ stage: Stage) async throws -> [AuditEntry] {
        try await stage.store.entries(stage.keys.stream(.audit, stage.partition), after: .zero, limit: 1_000)
            .map { try Envelope($0).decode() }
    }

    @Test func anAbortIsFollowedByTheRollback() async throws {
        let (stage, record) = try await run { stage, record in
            let said = try await stage.say(.abort, about: record, by: "john@example.com")
            #expect(said == .recorded(state: "RUNNING"))
        }
        #expect(record.state == .rolledBack && steps(stage) == ["step-0", "rollback-0"], "\(record.reason)")
        let actions = try await audited(stage).map(\.action)
        #expect(actions.contains("plan.abort") && actions.contains("plan.aborted"))
    }

    @Test func anAbortWithoutARollbackCallsAPerson() async throws {
        let (stage, record) = try await run(rollback: []) { stage, record in
            try await stage.say(.abort, about: record, by: "john@example.com")
        }
        #expect(record.state == .needsHuman && steps(stage) == ["step-0"])
        #expect(record.reason.contains("john@example.com stopped the execution"), "\(record.reason)")
    }

    @Test func aForgedAbortStopsNothing() async throws {
        let (stage, record) = try await run { stage, record in
            let thief = Ed25519Signer()
            let maker = StatementMaker(cluster: "proof", policyHash: "policy-1", digest: SHA256Digest())
            let plan = try record.plan()
            func abort(
                _ person: String, _ role: String, _ signer: Ed25519Signer, about other: PlanRecord
            ) throws -> [UInt8] {
                try maker.make(
                    .abort, about: other, plan: plan, approver: person, role: role, comment: "", nonce: "0",
                    signer: signer, now: stage.now
                ).0.canonicalJSON()
            }
            let other = try await stage.propose(title: "another plan")
            let key = stage.keys.plan(record.hash, stage.partition)
            let fields = [
                Field("john@example.com", try abort("john@example.com", Verifier.approverRole, thief, about: record)),
                Field(
                    "jane@example.com", try abort("jane@example.com", Verifier.approverRole, stage.jane, about: other)),
                Field(
                    "mary@example.com", try abort("jane@example.com", Verifier.approverRole, stage.jane, about: record)),
                Field("eve@example.com", try abort("eve@example.com", Verifier.approverRole, thief, about: record)),
                Field("nobody", Array("{}".utf8)),
            ].map { Field(PlanRecord.withdrawalPrefix + $0.name, $0.value) }
            _ = try await stage.store.transition(Transaction(changes: [.set(key: key, fields: fields)]))
        }
        #expect(record.state == .succeeded && steps(stage) == ["step-0", "step-1"], "\(record.reason)")
    }

    @Test func aFreezeHoldsTheNextStep() async throws {
        for isLifted in [true, false] {
            let (stage, record) = try await run { stage, _ in
                let freeze = FreezeSwitch(store: stage.store, keys: stage.keys)
                try await freeze.freeze(.init(by: "jane", reason: "release", since: stage.now))
                guard isLifted else { return }
                // Lifted when the executor has waited for a while.
                let until = stage.now.advanced(bySeconds: 60)
                stage.onWait.withLock { hook in
                    hook = { stage in if stage.now >= until { _ = try? await freeze.unfreeze() } }
                }
            }
            #expect(record.state == (isLifted ? .succeeded : .needsHuman), "\(record.reason)")
            #expect(steps(stage) == (isLifted ? ["step-0", "step-1"] : ["step-0"]))
        }
    }

    @Test func aWindowThatBeginsEndsTheExecutionWithTheRollback() async throws {
        for role in [Verifier.approverRole, Verifier.breakGlassRole] {
            let (stage, record) = try await run(role: role) { stage, _ in
                stage.policy.withLock { policy in
                    policy.freezeWindows = [TimeWindow(name: "release", zone: .utc)]
                }
            }
            let isEmergency = role == Verifier.breakGlassRole
            #expect(record.state == (isEmergency ? .succeeded : .rolledBack), "\(record.reason)")
            #expect(steps(stage) == ["step-0", isEmergency ? "step-1" : "rollback-0"])
        }
    }

    @Test func aPlanWhoseTimeIsOverIsRolledBack() async throws {
        let (stage, record) = try await run { stage, _ in stage.pass(seconds: 4 * 3_600) }
        #expect(record.state == .rolledBack && record.progress?.steps.count == 2, "\(record.reason)")
        #expect(steps(stage) == ["step-0", "rollback-0"])
    }

    @Test func whatThePolicyNoLongerPermitsIsNotGoneOnWith() async throws {
        let changes: [(String, @Sendable (inout Policy, Stage) -> Void)] = [
            ("deny list", { policy, _ in policy.deniedNamespaces = [Stage.namespace] }),
            ("not opted in", { policy, _ in policy.namespaces = [] }),
            ("action", { policy, _ in policy.actions = [.scale] }),
            ("quorum", { policy, _ in policy.quorum = 2 }),
            ("floor", { policy, _ in policy.floors[.scale] = 0.9 }),
            ("revoked key", { policy, stage in policy.revokedKeys = [stage.jane.publicKey] }),
            ("approver gone", { policy, _ in policy.approvers = [] }),
            ("planner gone", { policy, _ in policy.planners = [] }),
        ]
        for (name, change) in changes {
            let (stage, record) = try await run { stage, _ in
                stage.policy.withLock { policy in
                    policy.hash = "policy-2"
                    change(&policy, stage)
                }
            }
            #expect(record.state == .needsHuman, "\(name): \(record.state) \(record.reason)")
            #expect(steps(stage) == ["step-0"], "\(name): nothing is written that the policy forbids")
        }
    }

    @Test func aRollbackThatThePolicyNoLongerPermitsIsForAPerson() async throws {
        let (stage, record) = try await run(at: .beforeRollback, isGood: false) { stage, _ in
            stage.policy.withLock { _ = $0.deniedNamespaces.insert(Stage.namespace) }
        }
        #expect(record.state == .needsHuman && steps(stage) == ["step-0", "step-1"], "\(record.reason)")
    }

    @Test func anEditOfThePolicyThatChangesNothingForThePlanDoesNotStopIt() async throws {
        let (stage, record) = try await run { stage, _ in
            stage.policy.withLock { policy in
                policy.hash = "policy-2"
                policy.namespaces = [Stage.namespace, "billing"]
            }
        }
        #expect(record.state == .succeeded && steps(stage) == ["step-0", "step-1"], "\(record.reason)")
    }
}
