import Synchronization

/// Counts down to one moment.
final class Countdown: Sendable {
    private let rest: Mutex<Int>

    /// - Parameter count: calls of ``isOver()`` until it says yes, once.
    init(_ count: Int) { rest = Mutex(count) }

    /// Whether this is the call that was waited for.
    func isOver() -> Bool {
        rest.withLock { rest in
            rest -= 1
            return rest == 0
        }
    }
}
