/// Life of a plan; the edges are data in ``PlanState/successors``.
package enum PlanState: String, Sendable, CaseIterable {
    /// Waits for approvals.
    case awaiting = "AWAITING"
    /// Needs no approval and may start.
    case autoReady = "AUTO_READY"
    /// Risk is too high for the agent: shown to people, never started.
    case manual = "MANUAL"
    /// Has its approvals and may start.
    case approved = "APPROVED"
    /// Steps are being carried out.
    case running = "RUNNING"
    /// Steps are done, the metric is being watched.
    case verifying = "VERIFYING"
    /// Verification failed, the rollback is being carried out.
    case rollingBack = "ROLLING_BACK"
    /// Repaired and verified.
    case succeeded = "SUCCEEDED"
    /// Undone after a failed verification.
    case rolledBack = "ROLLED_BACK"
    /// Refused for good before or during execution; nothing is in doubt.
    case failed = "FAILED"
    /// An outcome is unknown: a person has to look.
    case needsHuman = "NEEDS_HUMAN"
    /// An approver said no.
    case rejected = "REJECTED"
    /// An approver took the approval back before the plan was claimed.
    case revoked = "REVOKED"
    /// Recorded only: what the agent would have proposed.
    case shadow = "SHADOW"
    /// Nobody decided in time.
    case expired = "EXPIRED"
    /// A newer plan took its place.
    case superseded = "SUPERSEDED"
    /// The target changed after the plan was made.
    case stale = "STALE"

    /// States that may follow this one; empty for a terminal state.
    package var successors: Set<PlanState> {
        switch self {
        case .awaiting: [.approved, .rejected, .revoked, .expired, .superseded, .stale]
        case .autoReady: [.running, .rejected, .expired, .superseded, .stale, .failed, .needsHuman]
        case .approved: [.running, .rejected, .revoked, .expired, .superseded, .stale, .failed, .needsHuman]
        case .manual: [.rejected, .expired, .superseded]
        case .running: [.verifying, .rollingBack, .failed, .stale, .needsHuman]
        case .verifying: [.succeeded, .rollingBack, .needsHuman]
        case .rollingBack: [.rolledBack, .needsHuman]
        case .succeeded, .rolledBack, .failed, .needsHuman, .rejected, .revoked, .shadow, .expired, .superseded,
            .stale:
            []
        }
    }

    /// Whether no state follows.
    package var isTerminal: Bool { successors.isEmpty }

    /// Whether the executor has begun and not ended.
    package var isExecuting: Bool { self == .running || self == .verifying || self == .rollingBack }

    /// Whether the plan may be started.
    package var isReady: Bool { self == .approved || self == .autoReady }
}
