/// What a keeper or a worker has to tell; the runtime turns it into logs and metrics.
package enum BusEvent: Sendable {
    /// A lease was taken.
    case leaseTaken(key: String, token: Int64)
    /// A lease was lost; the work under it was cancelled.
    case leaseLost(key: String)
    /// A lease was given back.
    case leaseReleased(key: String)
    /// The store did not answer; tried again.
    case storeUnavailable(key: String, reason: String)
    /// Entries were processed and committed.
    case committed(stream: String, entries: Int)
    /// An entry could not be read and was set aside.
    case setAside(stream: String, entry: EntryID, reason: String)
    /// A session ended with an error and is opened again.
    case sessionFailed(key: String, reason: String)
}

/// Receives ``BusEvent``s; called from many tasks.
package typealias BusObserver = @Sendable (BusEvent) -> Void

/// Contends for one lease for as long as it runs, and does work while it holds it.
package struct LeaseKeeper: Sendable {
    private let store: any LeaseAuthority
    private let key: String
    private let timing: LeaseTiming
    private let admission: LeaseAdmission
    private let newOwner: @Sendable () -> String
    private let observe: BusObserver

    /// A keeper of the lease at `key`; `newOwner` makes the unique id of an incarnation for every new contention.
    package init(
        store: any LeaseAuthority, key: String, timing: LeaseTiming, admission: LeaseAdmission = .always,
        newOwner: @escaping @Sendable () -> String, observe: @escaping BusObserver
    ) {
        self.store = store
        self.key = key
        self.timing = timing
        self.admission = admission
        self.newOwner = newOwner
        self.observe = observe
    }

    /// Runs until the task is cancelled: waits for the lease, runs `work` under it, starts over when it is lost.
    ///
    /// `work` is cancelled when the lease can no longer be relied on. When the task itself is cancelled, `work` is
    /// cancelled, ended and then the lease is given back, so that a successor need not wait.
    package func run(_ work: @escaping @Sendable (LeaseProof) async throws -> Void) async {
        while !Task.isCancelled {
            let owner = newOwner()
            var machine = LeaseMachine(timing: timing, now: Self.now)
            guard let token = await acquire(&machine, owner: owner) else { return }
            defer { admission.ended() }
            let proof = LeaseProof(key: key, owner: owner, token: token)
            observe(.leaseTaken(key: key, token: token))
            let fenced = await hold(machine, proof, work)
            if fenced {
                observe(.leaseLost(key: key))
            } else {
                // The task may be cancelled by now; giving the lease back must happen all the same.
                let store = store
                await Task { try? await store.releaseLease(proof) }.value
                observe(.leaseReleased(key: key))
                if !Task.isCancelled { try? await ContinuousClock().sleep(for: timing.retry) }
            }
        }
    }

    private static let origin = ContinuousClock.now
    private static var now: Duration { origin.duration(to: .now) }

    private func acquire(_ machine: inout LeaseMachine, owner: String) async -> Int64? {
        while !Task.isCancelled {
            let now = Self.now
            do {
                switch machine.next(now: now) {
                case .observe: machine.observed(try await store.lease(key), now: Self.now)
                case .take(let expected):
                    guard admission.admits() else {
                        machine.declined(now: now)
                        continue
                    }
                    var isTaken = false
                    defer { if !isTaken { admission.ended() } }
                    let answer = try await store.takeLease(key, owner: owner, expected: expected)
                    machine.answered(answer, sentAt: now, now: Self.now)
                    if let token = machine.token {
                        isTaken = true
                        return token
                    }
                case .wait(let until): try await ContinuousClock().sleep(for: until - now)
                case .renew, .stop: return machine.token
                }
            } catch let error as BusError {
                observe(.storeUnavailable(key: key, reason: "\(error)"))
                machine.unanswered(now: Self.now)
                try? await ContinuousClock().sleep(for: timing.retry)
            } catch {
                return nil
            }
        }
        return nil
    }

    /// - Returns: whether the lease was lost.
    private func hold(
        _ held: LeaseMachine, _ proof: LeaseProof, _ work: @escaping @Sendable (LeaseProof) async throws -> Void
    ) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await work(proof)
                } catch is CancellationError {
                } catch FencedError.fenced {
                    return true
                } catch {
                    observe(.sessionFailed(key: key, reason: "\(error)"))
                }
                return false
            }
            group.addTask { await renew(held, proof) }
            var lost = false
            while let result = await group.next() {
                lost = lost || result
                group.cancelAll()
            }
            return lost
        }
    }

    /// Renews until cancelled, or until the lease should be handed over.
    ///
    /// - Returns: whether the lease was lost.
    private func renew(_ held: LeaseMachine, _ proof: LeaseProof) async -> Bool {
        var machine = held
        while !Task.isCancelled {
            if admission.yields() { return false }
            let now = Self.now
            do {
                switch machine.next(now: now) {
                case .renew:
                    if try await store.beatLease(proof) {
                        machine.renewed(sentAt: now)
                    } else {
                        machine.fenced()
                    }
                case .wait(let until): try await ContinuousClock().sleep(for: until - now)
                case .stop: return true
                case .observe, .take: return false
                }
            } catch let error as BusError {
                observe(.storeUnavailable(key: key, reason: "\(error)"))
                machine.unanswered(now: Self.now)
            } catch {
                return false
            }
        }
        return false
    }
}

/// Thrown by work when the store says that its lease belongs to somebody else.
package enum FencedError: Error {
    case fenced
}
