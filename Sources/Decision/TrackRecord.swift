import Authority
import Model

/// What is known of past executions of a runbook on one kind of workload.
package struct TrackRecord: Sendable, Equatable {
    /// Executions that ended verified.
    package var succeeded: Int
    /// Executions that ended in any other way.
    package var failed: Int
    /// Verified executions since the last that was not.
    package var streak: Int

    /// Without a streak: as many as succeeded when none failed, else 0.
    package init(succeeded: Int = 0, failed: Int = 0, streak: Int? = nil) {
        self.succeeded = succeeded
        self.failed = failed
        self.streak = streak ?? (failed == 0 ? succeeded : 0)
    }

    /// Name under which the record of a runbook on a kind of workload is kept.
    package static func key(runbook: String, target: Entity) -> String { "\(runbook)@\(target.kind)" }

    /// Executions.
    package var count: Int { succeeded + failed }

    /// Wilson's score interval for the probability of success at 95 % (Wilson 1927); [0,1] without executions.
    package var interval: ClosedRange<Double> { Self.interval(succeeded, of: count) }

    /// Wilson's score interval at 95 % for `succeeded` of `count`.
    package static func interval(_ succeeded: Int, of count: Int) -> ClosedRange<Double> {
        guard count > 0 else { return 0...1 }
        let n = Double(count)
        let share = Double(succeeded) / n
        let z = 1.96
        let center = (share + z * z / (2 * n)) / (1 + z * z / n)
        let reach = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        return max(0, center - reach)...min(1, center + reach)
    }

    /// What is missing for autonomy; `nil` when it is earned.
    ///
    /// One failure takes all of it back.
    package func missing(for autonomy: Autonomy) -> String? {
        let bound = Self.interval(streak, of: streak).lowerBound
        guard streak >= autonomy.executions else {
            return "autonomy needs \(autonomy.executions) verified executions in a row, there are \(streak)"
        }
        guard bound >= autonomy.lowerBound else {
            return "autonomy needs a success probability of at least \(autonomy.lowerBound) at 95 %, "
                + "\(streak) verified executions show \((bound * 1_000).rounded() / 1_000)"
        }
        return nil
    }

    /// Takes in the end of an execution.
    package mutating func record(success: Bool) {
        if success {
            succeeded += 1
            streak += 1
        } else {
            failed += 1
            streak = 0
        }
    }
}

/// Executions of one target within the last hour.
package struct RecentExecutions: Sendable, Equatable {
    /// All of them.
    package var count: Int
    /// Those that did not end verified.
    package var failed: Int

    package init(count: Int = 0, failed: Int = 0) {
        self.count = count
        self.failed = failed
    }
}
