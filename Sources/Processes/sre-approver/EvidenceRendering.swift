import Model
import Runtime

/// Renders what an incident rests on: the series with its band, the forecast, the suspects.
struct EvidenceRendering {
    let terminal: Terminal

    func lines(_ incident: Incident) -> [String] {
        var lines = ["", terminal.bold("evidence")]
        for anomaly in incident.anomalies.prefix(5) {
            lines.append("  \(Terminal.safe("\(anomaly.series)"))")
            lines.append("    \(Self.sparkline(anomaly.window.map(\.value)))  now \(amount(anomaly.value, anomaly))")
            lines.append(
                "    expected \(amount(anomaly.expected, anomaly)), "
                    + "band \(amount(anomaly.lower, anomaly)) to \(amount(anomaly.upper, anomaly))")
            let facts = [
                "since \(anomaly.started)",
                anomaly.seenBy.isEmpty ? nil : "seen by \(Terminal.safe(anomaly.seenBy.joined(separator: ", ")))",
                anomaly.rarity,
            ]
            lines.append("    \(facts.compactMap { $0 }.joined(separator: "; "))")
            if let forecast = anomaly.forecast {
                lines.append("    \(Terminal.safe(forecast.explanation(unit: anomaly.unit)))")
            }
        }
        lines += ["", terminal.bold("suspects")]
        for suspect in incident.suspects.prefix(5) {
            lines.append(
                "  \(Readable.number(suspect.score))  \(Terminal.safe(suspect.cause)) in "
                    + Terminal.safe("\(suspect.entity)"))
        }
        return lines
    }

    private func amount(_ value: Double, _ anomaly: Anomaly) -> String { Readable.amount(value, anomaly.unit) }

    /// Values as eight levels, at most 40 of them; gaps and what is not finite as a dot.
    static func sparkline(_ values: [Double]) -> String {
        let levels = Array("▁▂▃▄▅▆▇█")
        let shown = Array(values.suffix(40))
        let finite = shown.filter(\.isFinite)
        guard let low = finite.min(), let high = finite.max() else { return "·" }
        return String(
            shown.map { value -> Character in
                guard value.isFinite else { return "·" }
                guard high > low else { return levels[3] }
                return levels[min(7, Int((value - low) / (high - low) * 7.999))]
            })
    }
}
