import Model

/// What shadow mode would have done, held against what happened: pure.
///
/// A plan counts as a help when its incident went on for longer after the plan was made than the plan's steps and its
/// verification may take. That says how much time was at stake, not that the repair would have worked: the success rate
/// measured for the runbook stands beside it.
package struct ShadowReport: Sendable, Equatable {
    /// One recorded plan with its incident as it stands now.
    package struct Case: Sendable, Equatable {
        /// The plan.
        package var plan: Plan
        /// Id of the plan.
        package var id: String
        /// What the plan would have been, such as `AUTO_READY`.
        package var disposition: String
        /// The incident; `nil` when it is no longer stored.
        package var incident: Incident?

        package init(plan: Plan, id: String, disposition: String, incident: Incident?) {
            self.plan = plan
            self.id = id
            self.disposition = disposition
            self.incident = incident
        }
    }

    /// What would have come of one plan.
    package struct Row: Sendable, Equatable {
        /// Id of the plan.
        package var id: String
        /// Its runbook.
        package var runbook: String
        /// Its target.
        package var target: String
        /// What the plan would have been.
        package var disposition: String
        /// Seconds that the incident went on after the plan was made; `nil` when the incident is no longer stored.
        package var lasted: Double?
        /// Seconds until the plan would have been verified at the latest.
        package var needed: Double
        /// Seconds that could have been saved, 0 when the incident was over before.
        package var saved: Double
    }

    /// Newest first.
    package var rows: [Row]
    /// Plans by what they would have been.
    package var dispositions: [String: Int]
    /// Plans that could have ended their incident sooner.
    package var helpful: Int
    /// Plans whose incident was over by itself before they could have ended it.
    package var needless: Int
    /// Plans whose incident is no longer known.
    package var unknown: Int
    /// Seconds that could have been saved by all.
    package var saved: Double

    /// Reports on recorded plans; incidents that go on count until `now`.
    package init(_ cases: [Case], now: Timestamp) {
        rows = cases.sorted { ($0.plan.created, $0.id) > ($1.plan.created, $1.id) }.map { Self.row($0, now) }
        dispositions = rows.reduce(into: [:]) { $0[$1.disposition, default: 0] += 1 }
        helpful = rows.count { $0.saved > 0 }
        unknown = rows.count { $0.lasted == nil }
        needless = rows.count - helpful - unknown
        saved = rows.reduce(0) { $0 + $1.saved }
    }

    private static func row(_ item: Case, _ now: Timestamp) -> Row {
        let plan = item.plan
        let lasted = item.incident.map { incident in
            Double((incident.resolved ?? now).milliseconds(since: plan.created)) / 1_000
        }
        let verification = plan.verification.scrapes * plan.verification.intervalSeconds
        let needed = Double(plan.impact.estimatedSeconds + verification)
        return Row(
            id: item.id, runbook: plan.runbook, target: "\(plan.target)", disposition: item.disposition,
            lasted: lasted, needed: needed, saved: max(0, (lasted ?? 0) - needed))
    }
}
