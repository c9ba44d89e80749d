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
    /// Operators' commands. Written by the gateway, read by the analyzer.
    case commands
    /// Hash-chained record of every transition. Written by all, read by auditors.
    case audit
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
        case .commands: "operators' commands, gateway → analyzer"
        case .audit: "hash-chained record of every transition"
        case .deadLetters: "entries that could not be processed, with the reason"
        }
    }
}
