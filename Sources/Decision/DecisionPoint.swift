/// Moments of the planner at which tests let it die; the names are part of the tests' contract.
package enum PlannerPoint: String, Sendable, CaseIterable {
    case afterSurvey = "planner.afterSurvey"
    case beforePropose = "planner.beforePropose"
    case afterPropose = "planner.afterPropose"
}

/// Moments at which tests let whoever hands a statement in die: the gateway, as `gateway.NAME`, and the approver's
/// command line, as `approver.NAME`.
package enum DecisionPoint: String, Sendable, CaseIterable {
    case afterVerify, beforeApprove, afterApproveBeforeReply, afterReply
}
