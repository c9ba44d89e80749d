import Synchronization

/// Counts looks at a metric.
final class Looks: Sendable {
    private let rest: Mutex<Int>

    init(_ look: Int) { rest = Mutex(look) }

    /// Whether this is the look that was waited for.
    func isNow() -> Bool {
        rest.withLock { rest in
            rest -= 1
            return rest == 0
        }
    }
}
