import Authority
import Bus
import Logging
import Model

extension ExecutorSession {
    /// What an executor needs besides the store.
    package struct Context: Sendable {
        /// Makes the check against the policy in force.
        package var verifier: @Sendable () -> Verifier
        /// Targets of actions.
        package var targets: [any ActionTarget]
        /// Reads metrics for verification.
        package var metrics: any MetricReader
        /// Where claims are kept.
        package var claims: any ClaimStore
        /// Unique id of this incarnation.
        package var holder: String
        /// Term of leadership.
        package var term: Int64
        /// Plans of one partition that are carried out side by side, at least 1.
        package var concurrency: Int
        /// Shared by the sessions of a process.
        package var interruptions: Interruptions
        /// Clocks that must agree when a plan is claimed.
        package var clocks: ClockPanel
        /// Says why nothing may be changed now, such as a freeze.
        package var brake: Brake
        /// Hashes audit entries.
        package var digest: any Digest
        /// Wall clock.
        package var now: @Sendable () -> Timestamp
        /// Waits.
        package var sleep: @Sendable (Duration) async throws -> Void
        /// Called at each ``CrashPoint``; throws to let the execution die there.
        package var probe: @Sendable (CrashPoint) async throws -> Void
        /// For progress.
        package var logger: Logger

        package init(
            verifier: @escaping @Sendable () -> Verifier, targets: [any ActionTarget], metrics: any MetricReader,
            claims: any ClaimStore, holder: String, term: Int64, concurrency: Int = 8,
            interruptions: Interruptions = Interruptions(), clocks: ClockPanel,
            brake: @escaping Brake, digest: any Digest, now: @escaping @Sendable () -> Timestamp,
            sleep: @escaping @Sendable (Duration) async throws -> Void = { try await ContinuousClock().sleep(for: $0) },
            probe: @escaping @Sendable (CrashPoint) async throws -> Void = { _ in }, logger: Logger
        ) {
            self.verifier = verifier
            self.targets = targets
            self.metrics = metrics
            self.claims = claims
            self.holder = holder
            self.term = term
            self.concurrency = concurrency
            self.interruptions = interruptions
            self.clocks = clocks
            self.brake = brake
            self.digest = digest
            self.now = now
            self.sleep = sleep
            self.probe = probe
            self.logger = logger
        }

        /// Budgets of the policy over the claims of the last hour.
        ///
        /// - Returns: what the plan has to wait for; `nil` when it may begin.
        /// - Throws: `Refusal` when a budget is used up that waiting does not give back in time.
        func guardrails(
            _ plan: Plan, _ record: PlanRecord, _ verifier: Verifier, _ claims: [Claim]
        ) throws(Refusal) -> String? {
            // Plans that were stopped before they began are no executions.
            let others = claims.filter {
                $0.planHash != record.hash && $0.progress.state != .rejected && $0.progress.state != .revoked
            }
            let sameTarget = others.filter { $0.progress.target == plan.target }
            if let active = sameTarget.first(where: { !$0.isFinished }) {
                return "the plan \(active.progress.planID) is being carried out on this target"
            }
            let byApprover = Dictionary(
                uniqueKeysWithValues: verifier.approvers(of: plan, record).map { person in
                    (person, others.count { $0.approvers.contains(person) })
                })
            return try verifier.withinBudgets(
                plan, onTarget: sameTarget.count, inNamespace: others.count,
                active: others.count { !$0.isFinished }, byApprover: byApprover)
        }
    }
}
