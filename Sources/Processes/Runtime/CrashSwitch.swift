import Foundation
import Synchronization

/// Kills the process at a crash point, for tests of debug builds: `SRE_CRASH_AT=executor.afterIntent:2`.
package enum CrashSwitch {
    /// What is called at the points of a process, whose names begin with `prefix`.
    package static func probe<Point: RawRepresentable<String> & Sendable>(
        _ prefix: String = ""
    ) -> @Sendable (Point) async throws -> Void {
        #if DEBUG
            let parts = (ProcessInfo.processInfo.environment["SRE_CRASH_AT"] ?? "").split(separator: ":")
            guard let name = parts.first else { return { _ in } }
            let countdown = Countdown(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
            return { reached in
                if prefix + reached.rawValue == name, countdown.isOver() { kill(getpid(), SIGKILL) }
            }
        #else
            return { _ in }
        #endif
    }
}

/// Counts down to one moment.
private final class Countdown: Sendable {
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
