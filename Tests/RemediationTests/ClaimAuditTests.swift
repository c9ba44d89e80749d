import Bus
import Model
import Remediation
import Testing

@Suite struct ClaimAuditTests {
    private let now = Timestamp(milliseconds: 1_770_388_222_000)
    private let hash = String(repeating: "ab", count: 32)

    private func ago(_ minutes: Double) -> Timestamp { now.advanced(bySeconds: -60 * minutes) }

    private func claim(_ state: PlanState, steps: Int = 1, minutesAgo: Double = 60) -> Claim {
        let result = StepResult(
            index: 0, phase: .step, state: .done, detail: "", started: ago(minutesAgo), finished: ago(minutesAgo))
        return Claim(
            planHash: hash, holder: "one", term: 1, expires: now, claimed: ago(minutesAgo),
            progress: Outcome(
                planID: "PLAN-1", planHash: hash, incidentID: "INC-1",
                target: Entity(cluster: "c", namespace: "n", kind: "Deployment", name: "shop"), state: state,
                detail: "", steps: Array(repeating: result, count: steps), time: ago(minutesAgo), runbook: "r"))
    }

    private func entry(_ action: String, _ state: PlanState, minutesAgo: Double = 60) -> AuditEntry {
        AuditEntry(
            sequence: 1, previousHash: "", time: ago(minutesAgo), actor: "sre-executor", action: action, subject: hash,
            detail: ["state": state.rawValue])
    }

    private func breaks(_ claims: [Claim], _ entries: [AuditEntry]) -> [String] {
        ClaimAudit(claims, now: now).breaks(entries).map(\.description)
    }

    @Test func whatBothSayHolds() {
        #expect(breaks([], []).isEmpty)
        for start in ["plan.started", "plan.adopted"] {
            #expect(
                breaks([claim(.succeeded)], [entry(start, .running), entry("plan.verified", .succeeded)]).isEmpty)
        }
        #expect(breaks([claim(.running)], [entry("plan.started", .running)]).isEmpty)
    }

    @Test func entriesThatAreMissingAreNamed() {
        #expect(breaks([claim(.succeeded)], []).first?.contains("was carried out, claimed on") == true)
        // That it was proposed and approved does not say that it was carried out.
        #expect(breaks([claim(.running)], [entry("plan.approval", .approved)]).count == 1)
        #expect(
            breaks([claim(.succeeded)], [entry("plan.started", .running)]) == [
                "plan \(hash) ended as SUCCEEDED by its claim, and no entry says so"
            ])
        #expect(breaks([claim(.succeeded)], [entry("plan.started", .running), entry("x", .failed)]).count == 1)
    }

    @Test func aClaimThatIsMissingIsNamedAsLongAsItIsKept() {
        #expect(
            breaks([], [entry("plan.started", .running)]).first?.hasSuffix("and there is no claim on it") == true)
        #expect(breaks([], [entry("plan.started", .running, minutesAgo: 24 * 60 - 1)]).count == 1)
        #expect(breaks([], [entry("plan.started", .running, minutesAgo: 24 * 60 + 1)]).isEmpty)
        #expect(breaks([], [entry("plan.proposed", .awaiting)]).isEmpty)
    }

    @Test func oneOfTheTwoMayBeAheadForAWhile() {
        #expect(breaks([claim(.succeeded, minutesAgo: 9)], []).isEmpty)
        #expect(breaks([claim(.succeeded, minutesAgo: 11)], []).count == 1)
        // Stopped before anything was done.
        #expect(breaks([claim(.revoked, steps: 0)], []).isEmpty)
    }
}
