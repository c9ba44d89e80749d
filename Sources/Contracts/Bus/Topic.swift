/// The map: every stream of the system, who writes it and who reads it.
package enum Topic: String, Sendable, CaseIterable {
    /// Windows of samples. Written by the collectors, read by the analyzer.
    case observations
    /// Departures from normal. Written by the analyzer, read by people and the notifier.
    case anomalies
    /// Anomalies that belong together. Written by the analyzer, read by the planner.
    case incidents
    /// Proposed plans. Written by the planner, read by approvers.
    case plans
    /// Plans that left the approval queue. Written with each decision, read by the executor.
    case decisions
    /// Progress and ends of executions. Written by the executor, read by the planner and the analyzer.
    case outcomes
    /// Tickets to open, messages to send and calls for help. Written by the executor, read by the notifier.
    case notices
    /// Operators' commands. Written by the gateway, read by the analyzer.
    case commands
    /// Hash-chained record of every transition. Written by all, read by auditors.
    case audit
    /// Timers that became due. Written by the store, read by the planner.
    case timers
    /// Notes of entries that were removed before everybody had read them. Written by the retention.
    case gaps
    /// Entries that could not be processed, with the reason.
    case deadLetters = "dead-letters"

    /// One line for a person.
    package var summary: String {
        switch self {
        case .observations: "windows of samples, collectors → analyzer"
        case .anomalies: "departures from normal, analyzer → people"
        case .incidents: "anomalies that belong together, analyzer → planner"
        case .plans: "proposed plans, planner → approvers"
        case .decisions: "plans that left the queue, approvers → executor"
        case .outcomes: "progress of executions, executor → planner, analyzer"
        case .notices: "tickets, messages and calls for help, executor → people"
        case .commands: "operators' commands, gateway → analyzer"
        case .audit: "hash-chained record of every transition"
        case .timers: "timers that became due, store → planner"
        case .gaps: "notes of observations that were shed unread"
        case .deadLetters: "entries that could not be processed, with the reason"
        }
    }

    /// A role that reads a topic.
    package struct Reader: Sendable, Equatable {
        /// Role, as in ``Keys/state(_:_:)``.
        package var role: String
        /// Whether it replays from a snapshot.
        package var replays: Bool
    }

    /// Registered readers of the ordered stages: what they have yet to read is never trimmed.
    package var readers: [Reader] {
        switch self {
        case .observations, .commands: [Reader(role: "analyzer", replays: true)]
        case .incidents: [Reader(role: "planner", replays: false), Reader(role: "feed", replays: false)]
        case .outcomes: [Reader(role: "planner", replays: false), Reader(role: "feed", replays: false)]
        case .timers: [Reader(role: "planner", replays: false)]
        case .decisions: [Reader(role: "executor", replays: false), Reader(role: "feed", replays: false)]
        case .anomalies, .plans, .notices: [Reader(role: "feed", replays: false)]
        case .audit, .gaps, .deadLetters: []
        }
    }
}
