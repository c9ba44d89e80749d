/// What a plan touches, as far as it was known when the plan was made.
package struct Impact: Sendable, Equatable {
    /// Replicas of the workload; 0 when unknown.
    package var replicas: Int
    /// Replicas that the plan touches at once.
    package var replicasTouched: Int
    /// Share of the traffic that is moved, in [0,1].
    package var traffic: Double
    /// What would change, by the server's dry run.
    package var changes: [FieldChange]
    /// Disruption budgets, autoscalers and field managers that the plan may meet, for a person.
    package var conflicts: [String]
    /// Seconds that the steps may take.
    package var estimatedSeconds: Int
    /// Executions of the runbook that ended verified.
    package var succeeded: Int
    /// Executions of the runbook.
    package var executed: Int

    package init(
        replicas: Int = 0, replicasTouched: Int = 0, traffic: Double = 0, changes: [FieldChange] = [],
        conflicts: [String] = [], estimatedSeconds: Int = 0, succeeded: Int = 0, executed: Int = 0
    ) {
        self.replicas = replicas
        self.replicasTouched = replicasTouched
        self.traffic = traffic
        self.changes = changes
        self.conflicts = conflicts
        self.estimatedSeconds = estimatedSeconds
        self.succeeded = succeeded
        self.executed = executed
    }
}

/// One field before and after a step.
package struct FieldChange: Sendable, Equatable {
    /// Position of the step from 0.
    package var step: Int
    /// Path of the field, such as `spec.replicas`.
    package var path: String
    /// JSON; empty for a field that is not there.
    package var before: String
    /// JSON; empty for a field that is not there.
    package var after: String

    package init(step: Int, path: String, before: String, after: String) {
        self.step = step
        self.path = path
        self.before = before
        self.after = after
    }
}
