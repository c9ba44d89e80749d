import Model

/// Proof that one incarnation of the executor carries out a plan, kept where effects are decided.
///
/// There is at most one claim for a plan's bytes, ever: it is named after their hash and outlives the plan, so that a
/// plan cannot be carried out twice even if every other record of it is altered.
package struct Claim: Sendable, Equatable {
    /// Hash of the plan.
    package var planHash: String
    /// Unique id of the incarnation that carries it out.
    package var holder: String
    /// Term of leadership under which it was taken; a larger one may take over.
    package var term: Int64
    /// Until when the plan may be started; the claim outlives this by a day.
    package var expires: Timestamp
    /// When the claim was made.
    package var claimed: Timestamp
    /// The people who approved the plan.
    package var approvers: [String]
    /// State and results of steps so far, written before each effect and after it.
    package var progress: Outcome
    /// What the store calls this version of the claim; empty for a new one.
    package var version: String

    package init(
        planHash: String, holder: String, term: Int64, expires: Timestamp, claimed: Timestamp, progress: Outcome,
        approvers: [String] = [], version: String = ""
    ) {
        self.planHash = planHash
        self.holder = holder
        self.term = term
        self.expires = expires
        self.claimed = claimed
        self.progress = progress
        self.approvers = approvers
        self.version = version
    }

    /// Whether the execution is over.
    package var isFinished: Bool { progress.state.isTerminal }
}

/// Why a claim was not read or written.
package enum ClaimError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nobody answered: a write may or may not have been done.
    case unavailable(String)
    /// Certainly not done, and never will be.
    case refused(String)

    package var description: String {
        switch self {
        case .unavailable(let reason): "the claims cannot be reached: \(reason)"
        case .refused(let reason): "the claim was refused: \(reason)"
        }
    }
}

/// Keeps claims with compare-and-swap.
package protocol ClaimStore: Sendable {
    /// The claim on a plan; `nil` when there is none.
    func read(_ planHash: String, target: Entity) async throws(ClaimError) -> Claim?

    /// Makes a claim.
    ///
    /// - Returns: the claim with its version, `nil` when there is one already.
    func create(_ claim: Claim) async throws(ClaimError) -> Claim?

    /// Replaces a claim that is still at its version.
    ///
    /// - Returns: the claim with its new version, `nil` when it changed meanwhile.
    func replace(_ claim: Claim) async throws(ClaimError) -> Claim?

    /// Claims on plans for workloads of the target's namespace that were made since.
    func recent(_ target: Entity, since: Timestamp) async throws(ClaimError) -> [Claim]
}

/// Takes and writes one claim, telling outcomes apart that are not known.
struct ClaimKeeper: Sendable {
    /// What stands in the way of a claim, or not.
    enum Taking: Sendable, Equatable {
        /// Nobody ever carried the plan out; it is ours.
        case fresh
        /// An execution was interrupted; it is ours to go on with.
        case resumed
        /// The execution is over.
        case finished
        /// Another leader of the same or a later term carries it out.
        case held(by: String)
    }

    private let store: any ClaimStore
    private let holder: String
    private let term: Int64
    private(set) var claim: Claim

    /// - Parameter claim: as it is to be made when there is none.
    init(store: any ClaimStore, holder: String, term: Int64, claim: Claim) {
        self.store = store
        self.holder = holder
        self.term = term
        self.claim = claim
    }

    /// Takes the claim.
    mutating func take() async throws -> Taking {
        let wanted = claim
        for _ in 0..<8 {
            try Task.checkCancellation()
            do throws(ClaimError) {
                if let existing = try await store.read(wanted.planHash, target: wanted.progress.target) {
                    return try await take(existing)
                }
                if let made = try await store.create(wanted) {
                    claim = made
                    return .fresh
                }
            } catch .unavailable {
                // Read again: the request may have been carried out.
                try await ContinuousClock().sleep(for: .milliseconds(20))
            }
        }
        throw ClaimError.unavailable("no answer after 8 attempts")
    }

    private mutating func take(_ existing: Claim) async throws(ClaimError) -> Taking {
        if existing.isFinished {
            claim = existing
            return .finished
        }
        if existing.holder == holder {
            claim = existing
            return existing.progress.steps.isEmpty ? .fresh : .resumed
        }
        guard existing.term < term else { return .held(by: existing.holder) }
        var mine = existing
        mine.holder = holder
        mine.term = term
        guard let taken = try await store.replace(mine) else { throw .unavailable("the claim changed hands") }
        claim = taken
        return .resumed
    }

    /// Writes progress; returns when it is certain that it is written.
    ///
    /// - Throws: `ClaimLost` when somebody else wrote the claim.
    mutating func write(_ progress: Outcome) async throws {
        var wanted = claim
        wanted.progress = progress
        var failures = 0
        while true {
            try Task.checkCancellation()
            do throws(ClaimError) {
                if let written = try await store.replace(wanted) {
                    claim = written
                    return
                }
                guard let stored = try await store.read(wanted.planHash, target: progress.target) else {
                    throw .refused("the claim was removed")
                }
                // An earlier attempt without an answer may have been carried out.
                guard stored.holder == holder, stored.term == term, stored.progress == progress else {
                    throw .refused("the claim belongs to \(stored.holder), term \(stored.term)")
                }
                claim = stored
                return
            } catch {
                guard case .unavailable = error, failures < 200 else { throw ClaimLost("\(error)") }
                failures += 1
                try await ContinuousClock().sleep(for: .milliseconds(min(20 << min(failures, 7), 2_000)))
            }
        }
    }
}

/// The claim on the plan belongs to somebody else; nothing more may be done.
package struct ClaimLost: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
