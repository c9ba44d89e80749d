import Authority
import Foundation
import Model

/// Text for a terminal: colours only there, hostile characters made visible everywhere.
struct Terminal {
    /// Whether colours are used.
    let colors: Bool

    init() {
        colors = isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
    }

    func bold(_ text: String) -> String { paint(text, "1") }
    func dim(_ text: String) -> String { paint(text, "2") }

    func risk(_ band: RiskBand) -> String {
        switch band {
        case .auto: paint(band.rawValue, "32")
        case .semiAuto: paint(band.rawValue, "33")
        case .manual: paint(band.rawValue, "31")
        }
    }

    private func paint(_ text: String, _ code: String) -> String { colors ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text }

    /// Control, direction and zero-width characters as `\u{…}`, so that a name cannot draw or hide anything.
    static func safe(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }
}

/// Renders a plan from its typed fields: what, where, why, risk, steps, rollback, expiry.
struct PlanRendering {
    let terminal = Terminal()

    func text(_ record: PlanRecord, _ plan: Plan, now: Timestamp) -> String {
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
            "\(head("expires"))\(plan.expires)  (\(Self.remaining(plan.expires, now)))",
            "\(head("needs"))\(plan.quorum) approval\(plan.quorum == 1 ? "" : "s"), has \(record.statements.count)",
            "", terminal.bold("why"),
        ]
        lines += plan.why.map { "  - \(safe($0))" }
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
        lines += ["", terminal.bold("steps")] + plan.steps.map { Self.step($0) }
        lines += ["", terminal.bold("rollback, when verification fails")]
        lines += plan.rollback.isEmpty ? ["  none: a person is called"] : plan.rollback.map { Self.step($0) }
        let verification = plan.verification
        let low = verification.lower.map { "at least \($0)" }
        let high = verification.upper.map { "at most \($0)" }
        lines += [
            "", terminal.bold("verified by"),
            "  \(safe("\(verification.series)")) \([low, high].compactMap { $0 }.joined(separator: " and ")), "
                + "\(verification.scrapes) scrapes in a row every \(verification.intervalSeconds) s "
                + "within \(verification.timeoutSeconds) s",
            "", terminal.dim("sha256 \(record.hash)"), terminal.dim("policy \(plan.policyHash)"),
        ]
        return lines.joined(separator: "\n")
    }

    private static func step(_ step: Step) -> String {
        let parameters = step.action.parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let action = ([step.action.type.rawValue] + parameters).joined(separator: " ")
        return
            "  \(step.index + 1). \(Terminal.safe(step.description))  [\(Terminal.safe(action)), \(step.timeoutSeconds) s]"
    }

    static func remaining(_ expires: Timestamp, _ now: Timestamp) -> String {
        let seconds = expires.milliseconds(since: now) / 1_000
        return seconds <= 0 ? "expired" : seconds < 120 ? "\(seconds) s left" : "\(seconds / 60) min left"
    }
}
