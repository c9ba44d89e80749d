import Bus
import Model

/// Holds the claims on plans against the audit: two records of the same executions, kept in different places.
///
/// Whoever can write to the store can take entries out of a chain and, without checkpoints, nobody would notice; the
/// claims on what was carried out are out of their reach.
package struct ClaimAudit: Sendable {
    /// Milliseconds in which one of the two may be ahead of the other: an executor dies in between and is replaced.
    private static let allowance: Int64 = 600_000
    /// Milliseconds that a claim is kept at least after its plan was started.
    private static let retention: Int64 = 86_400_000
    private static let starts: Set<String> = ["plan.started", "plan.adopted"]

    private let claims: [Claim]
    private let now: Timestamp

    /// - Parameters:
    ///   - claims: all claims that there are.
    ///   - now: when they were read.
    package init(_ claims: [Claim], now: Timestamp) {
        self.claims = claims
        self.now = now
    }

    /// Where the two differ, in the order of the claims and then of the audit.
    package func breaks(_ entries: [AuditEntry]) -> [AuditBreak] {
        let bySubject = Dictionary(grouping: entries, by: \.subject)
        let claimed = Set(claims.map(\.planHash))
        let unrecorded = claims.sorted { ($0.claimed, $0.planHash) < ($1.claimed, $1.planHash) }
            .compactMap { self.unrecorded($0, bySubject[$0.planHash] ?? []) }
        let unclaimed = entries.filter { entry in
            entry.action == "plan.started" && !claimed.contains(entry.subject)
                && entry.time.rawValue > now.rawValue - Self.retention
        }
        return unrecorded
            + unclaimed.map {
                AuditBreak("plan \($0.subject) was started on \($0.time), and there is no claim on it")
            }
    }

    private func unrecorded(_ claim: Claim, _ entries: [AuditEntry]) -> AuditBreak? {
        // An execution that was stopped before it began was never started.
        guard !claim.progress.steps.isEmpty, claim.progress.time.rawValue < now.rawValue - Self.allowance else {
            return nil
        }
        guard entries.contains(where: { Self.starts.contains($0.action) }) else {
            return AuditBreak(
                "plan \(claim.planHash) was carried out, claimed on \(claim.claimed) by \(claim.holder), and no entry "
                    + "says so")
        }
        let state = claim.progress.state
        guard state.isTerminal, !entries.contains(where: { $0.detail["state"] == state.rawValue }) else { return nil }
        return AuditBreak("plan \(claim.planHash) ended as \(state.rawValue) by its claim, and no entry says so")
    }
}
