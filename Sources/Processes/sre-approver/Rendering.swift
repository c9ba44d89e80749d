import Authority
import Decision
import Foundation
import Model
import Remediation
import Runtime

extension Terminal {
    /// A band in its colour.
    func risk(_ band: RiskBand) -> String {
        switch band {
        case .auto: paint(band.rawValue, "32")
        case .semiAuto: paint(band.rawValue, "33")
        case .manual: paint(band.rawValue, "31")
        }
    }
}

/// Renders a plan from its typed fields: what, where, why, risk, steps, rollback, expiry.
struct PlanRendering {
    let terminal = Terminal()

    /// - Parameter review: how the review stands, for a plan that was let through in an emergency.
    func text(
        _ record: PlanRecord, _ plan: Plan, review: ReviewStatus, incident: Incident? = nil, now: Timestamp
    ) -> String {
        func safe(_ text: String) -> String { Terminal.safe(text) }
        func head(_ name: String) -> String { terminal.bold(name.padding(toLength: 10, withPad: " ", startingAt: 0)) }
        var lines = [
            "\(terminal.bold(record.id))  \(record.state.rawValue)\(record.reason.isEmpty ? "" : "  (\(safe(record.reason)))")",
            "",
            "\(head("what"))\(safe(plan.title))",
            "\(head("where"))\(safe("\(plan.target)"))",
            "\(head("runbook"))\(safe(plan.runbook))",
            "\(head("incident"))\(safe(plan.incidentID)) revision \(plan.incidentRevision)",
            "\(head("created"))\(plan.created)",
            "\(head("expires"))\(plan.expires)\(Self.countdown(record, plan, now).map { "  (\($0))" } ?? "")",
            "\(head("needs"))\(plan.quorum) approval\(plan.quorum == 1 ? "" : "s"), has \(record.statements.count)",
        ]
        lines += Self.review(review).map { ["\(head("review"))\(safe($0))"] } ?? []
        lines += ["", terminal.bold("why")]
        lines += plan.why.map { "  - \(safe($0))" }
        if let progress = record.progress { lines += execution(plan, progress) }
        if let incident { lines += EvidenceRendering(terminal: terminal).lines(incident) }
        lines += [
            "",
            "\(terminal.bold("risk"))  \(plan.risk.score)  \(terminal.risk(plan.risk.band))  (floor \(plan.risk.floor))",
        ]
        for factor in plan.risk.factors {
            let name = factor.name.padding(toLength: 16, withPad: " ", startingAt: 0)
            let contribution = String(format: "%.3f", factor.contribution)
            let product = String(format: "%.3f × %.2f", factor.value, factor.weight)
            lines.append("  \(safe(name)) \(contribution) = \(product)  \(terminal.dim(safe(factor.reason)))")
        }
        lines += impact(plan)
        lines += ["", terminal.bold("steps")]
        lines += plan.steps.map { Self.step($0) }
        if plan.steps.contains(where: { $0.action.pin != nil }) {
            lines.append(
                "  \(terminal.dim("each object is backed up before it is changed; at the end people are told"))")
        }
        lines += ["", terminal.bold("rollback, when verification fails")]
        lines += plan.rollback.isEmpty ? ["  none: a person is called"] : plan.rollback.map { Self.step($0) }
        let verification = plan.verification
        let low = verification.lower.map { "at least \(Readable.number($0))" }
        let high = verification.upper.map { "at most \(Readable.number($0))" }
        lines += [
            "", terminal.bold("verified by"),
            "  \(safe("\(verification.series)")) \([low, high].compactMap { $0 }.joined(separator: " and ")), "
                + "\(verification.scrapes) scrapes in a row every \(verification.intervalSeconds) s "
                + "within \(verification.timeoutSeconds) s",
        ]
        lines += plan.guards.map { "  and \(safe("\($0.series)")) within its bounds" }
        lines += [
            "", terminal.dim("sha256 \(record.hash)"), terminal.dim("policy \(plan.policyHash)"),
        ]
        return lines.joined(separator: "\n")
    }

    /// How the review of an emergency stands, in a line; `nil` where there was none.
    static func review(_ status: ReviewStatus) -> String? {
        switch status {
        case .notNeeded: nil
        case .open(let people): "OPEN: \(people.joined(separator: ", ")) let the plan through; nobody has reviewed that"
        case .closed(let people, let person, let time, let comment):
            "closed by \(person) at \(time): \(comment) (let through by \(people.joined(separator: ", ")))"
        }
    }

    /// What was done so far; where a person has to go on, everything that is known.
    private func execution(_ plan: Plan, _ progress: Outcome) -> [String] {
        if progress.state == .needsHuman {
            return ["", terminal.bold("hand-over")] + Handover(plan, progress).lines.map { "  \(Terminal.safe($0))" }
        }
        guard !progress.steps.isEmpty else { return [] }
        return ["", terminal.bold("carried out")]
            + progress.steps.map { result in
                "  \(result.phase.rawValue) \(result.index + 1)  \(result.state.rawValue)  \(Terminal.safe(result.detail))"
            }
    }

    private func impact(_ plan: Plan) -> [String] {
        let impact = plan.impact
        var lines = ["", terminal.bold("impact")]
        if impact.replicas > 0 {
            lines.append("  \(impact.replicasTouched) of \(impact.replicas) replicas at once")
        }
        if impact.traffic > 0 { lines.append("  \(Readable.percent(impact.traffic)) of the traffic moves") }
        if impact.estimatedSeconds > 0 {
            lines.append("  takes at most \(Readable.duration(Double(impact.estimatedSeconds)))")
        }
        let interval = TrackRecord.interval(impact.succeeded, of: impact.executed)
        lines.append(
            impact.executed == 0
                ? "  never carried out before"
                : "  \(impact.succeeded) of \(impact.executed) verified, \(Int(interval.lowerBound * 100))-"
                    + "\(Int(interval.upperBound * 100)) % at 95 %")
        lines += impact.conflicts.map { "  \(terminal.paint("!", "33")) \(Terminal.safe($0))" }
        guard !impact.changes.isEmpty else { return lines }
        lines += ["", terminal.bold("changes, by the server's dry run")]
        for change in impact.changes {
            lines.append("  step \(change.step + 1)  \(Terminal.safe(change.path))")
            lines.append(
                "    " + terminal.paint("- \(Terminal.safe(change.before.isEmpty ? "(none)" : change.before))", "31"))
            lines.append(
                "    " + terminal.paint("+ \(Terminal.safe(change.after.isEmpty ? "(none)" : change.after))", "32"))
        }
        return lines
    }

    private static func step(_ step: Step) -> String {
        let parameters = step.action.parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let action = ([step.action.type.rawValue] + parameters).joined(separator: " ")
        let line =
            "  \(step.index + 1). \(Terminal.safe(step.description))  [\(Terminal.safe(action)), \(step.timeoutSeconds) s]"
        guard let pin = step.action.pin else { return line }
        // Kinds that do not count it, and objects as an earlier step leaves them, have none.
        let generation = pin.generation > 0 ? ", generation \(pin.generation)" : ""
        return line + "\n     pinned to uid \(Terminal.safe(pin.uid))\(generation)"
    }

    /// How long ago a plan was made.
    static func age(_ created: Timestamp, _ now: Timestamp) -> String {
        Readable.duration(max(0, Double(now.milliseconds(since: created)) / 1_000)) + " old"
    }

    /// The time that is left to decide or to begin; `nil` for a plan that is over or under way.
    static func countdown(_ record: PlanRecord, _ plan: Plan, _ now: Timestamp) -> String? {
        record.state.isTerminal || record.state.isExecuting ? nil : remaining(plan.expires, now)
    }

    static func remaining(_ expires: Timestamp, _ now: Timestamp) -> String {
        let seconds = expires.milliseconds(since: now) / 1_000
        return seconds <= 0 ? "expired" : seconds < 120 ? "\(seconds) s left" : "\(seconds / 60) min left"
    }
}
