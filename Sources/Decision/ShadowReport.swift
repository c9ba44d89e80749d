import Model

/// What shadow mode would have done, held against what happened: pure.
///
/// A plan counts as a help when the agent could have carried it out, by itself or with an approval, and its incident went
/// on for longer after the plan was made than the plan's steps and its verification may take. That says how much time was
/// at stake, not that the repair would have worked: the success rate measured for the runbook stands beside it.
package struct ShadowReport: Sendable, Equatable {
    /// One recorded plan with its incident as it stands now.
    package struct Case: Sendable, Equatable {
        /// The plan.
        package var plan: Plan
        /// Id of the plan.
        package var id: String
        /// Why the plan is in its state, as the planner wrote it.
        package var reason: String
        /// The incident; `nil` when it is no longer stored.
        package var incident: Incident?

        package init(plan: Plan, id: String, reason: String, incident: Incident?) {
            self.plan = plan
            self.id = id
            self.reason = reason
            self.incident = incident
        }
    }

    /// What would have become of a plan.
    package enum Disposition: String, Sendable, CaseIterable {
        /// Carried out by itself.
        case auto = "AUTO"
        /// Carried out when people had approved it.
        case approval = "APPROVAL"
        /// Shown to people, never started by the agent.
        case people = "PEOPLE"
        /// The planner's word for it is not known.
        case unknown = "UNKNOWN"
    }

    /// What would have come of one plan.
    package struct Row: Sendable, Equatable {
        /// Id of the plan.
        package var id: String
        /// Its runbook.
        package var runbook: String
        /// Its target.
        package var target: String
        /// What would have become of the plan.
        package var disposition: Disposition
        /// Why.
        package var reason: String
        /// Seconds that the incident went on after the plan was made; `nil` when the incident is no longer stored.
        package var lasted: Double?
        /// The incident goes on.
        package var isOngoing: Bool
        /// Seconds until the plan would have been verified at the latest, people's time not counted.
        package var needed: Double
        /// Seconds that could have been saved, 0 when the incident was over before, or when it was for people anyway.
        package var saved: Double
    }

    /// All plans of one runbook.
    package struct Summary: Sendable, Equatable {
        package var runbook: String
        package var plans: Int
        /// Plans that could have ended their incident sooner.
        package var helpful: Int
        /// Seconds that could have been saved by all.
        package var saved: Double
        /// Executions of the runbook that were verified, as of the newest plan.
        package var succeeded: Int
        /// Executions of the runbook, as of the newest plan.
        package var executed: Int
    }

    /// Newest first.
    package var rows: [Row]
    /// By what could have been saved, most first.
    package var summaries: [Summary]
    /// Plans by what would have become of them.
    package var dispositions: [Disposition: Int]
    /// Plans that could have ended their incident sooner.
    package var helpful: Int
    /// Plans whose incident was over by itself before they could have ended it.
    package var needless: Int
    /// Plans that the agent would have left to people.
    package var leftToPeople: Int
    /// Plans whose incident is no longer known, among those that were not for people anyway.
    package var unknown: Int
    /// Seconds that could have been saved by all.
    package var saved: Double

    /// Reports on recorded plans; incidents that go on count until `now`.
    package init(_ cases: [Case], now: Timestamp) {
        let cases = cases.sorted { ($0.plan.created, $0.id) > ($1.plan.created, $1.id) }
        rows = cases.map { Self.row($0, now) }
        dispositions = rows.reduce(into: [:]) { $0[$1.disposition, default: 0] += 1 }
        helpful = rows.count { $0.saved > 0 }
        leftToPeople = rows.count { $0.disposition == .people }
        unknown = rows.count { $0.lasted == nil && $0.disposition != .people }
        needless = rows.count - helpful - unknown - leftToPeople
        saved = rows.reduce(0) { $0 + $1.saved }
        var summaries: [String: Summary] = [:]
        for (item, row) in zip(cases, rows) {
            // The first one is the newest: its success rate counts.
            let impact = item.plan.impact
            var summary =
                summaries[row.runbook]
                ?? Summary(
                    runbook: row.runbook, plans: 0, helpful: 0, saved: 0, succeeded: impact.succeeded,
                    executed: impact.executed)
            summary.plans += 1
            summary.helpful += row.saved > 0 ? 1 : 0
            summary.saved += row.saved
            summaries[row.runbook] = summary
        }
        self.summaries = summaries.values.sorted { ($0.saved, $1.runbook) > ($1.saved, $0.runbook) }
    }

    private static func row(_ item: Case, _ now: Timestamp) -> Row {
        let plan = item.plan
        let (disposition, reason) = disposition(item.reason)
        let lasted = item.incident.map { incident in
            max(0, Double((incident.resolved ?? now).milliseconds(since: plan.created)) / 1_000)
        }
        let verification = plan.verification.scrapes * plan.verification.intervalSeconds
        let needed = Double(plan.impact.estimatedSeconds + verification)
        let isPossible = disposition == .auto || disposition == .approval
        return Row(
            id: item.id, runbook: plan.runbook, target: "\(plan.target)", disposition: disposition, reason: reason,
            lasted: lasted, isOngoing: item.incident.map { $0.resolved == nil } ?? false, needed: needed,
            saved: isPossible ? max(0, (lasted ?? 0) - needed) : 0)
    }

    /// Reads `PlanMaker`'s reason of a plan in shadow mode.
    private static func disposition(_ reason: String) -> (Disposition, reason: String) {
        guard let marker = reason.firstRange(of: PlanMaker.shadowMarker) else { return (.unknown, reason) }
        let rest = reason[marker.upperBound...]
        let name = rest.prefix { $0 != ":" }
        let why = String(rest.dropFirst(name.count + 1).drop { $0 == " " })
        return switch PlanState(rawValue: String(name)) {
        case .autoReady: (.auto, why)
        case .awaiting: (.approval, why)
        case .manual: (.people, why)
        default: (.unknown, reason)
        }
    }
}
