import Bus
import Synchronization

/// Plans of one partition that are being carried out side by side.
///
/// Each has a task of its own, but only so many do something at a time: one that has to wait, for a budget or for somebody
/// to answer, gives its place away. The pool is a companion of the session that reads the decisions, so that it ends with
/// the partition's lease.
final class ExecutionPool: Sendable {
    /// A plan to carry out.
    struct Job: Sendable {
        /// Hash of the plan.
        var hash: String
        /// Trace of its decision.
        var trace: TraceContext
    }

    private struct State {
        var hashes: Set<String> = []
        var failure: (any Error)?
    }

    private let jobs: AsyncStream<Job>
    private let arrivals: AsyncStream<Job>.Continuation
    private let state = Mutex(State())

    init() { (jobs, arrivals) = AsyncStream.makeStream() }

    /// Takes a plan up, unless it is in the pool already.
    func submit(_ job: Job) {
        if state.withLock({ $0.hashes.insert(job.hash).inserted }) { arrivals.yield(job) }
    }

    /// Whether a plan is in the pool.
    func holds(_ hash: String) -> Bool { state.withLock { $0.hashes.contains(hash) } }

    /// No more plans will come: ``run(_:)`` returns when those that did are over.
    func close() { arrivals.finish() }

    /// - Throws: what one of the plans failed with, which the session has to end for.
    func check() throws { if let failure = state.withLock({ $0.failure }) { throw failure } }

    /// Carries out what is submitted until the task is cancelled, a plan fails, or the pool was closed and is empty.
    func run(_ work: @escaping @Sendable (Job) async throws -> Void) async {
        // What a plan failed with ends all of them, and is kept for the session to fail with.
        try? await withThrowingDiscardingTaskGroup { group in
            for await job in jobs {
                guard state.withLock({ $0.failure == nil }) else { break }
                group.addTask {
                    do {
                        try await work(job)
                        self.state.withLock { _ = $0.hashes.remove(job.hash) }
                    } catch {
                        self.fail(error)
                        throw error
                    }
                }
            }
            if Task.isCancelled { group.cancelAll() }
        }
    }

    private func fail(_ error: any Error) {
        state.withLock { if $0.failure == nil { $0.failure = error } }
        arrivals.finish()
    }
}
