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
            if let forecast = anomaly.forecast { lines.append("    \(self.forecast(forecast, anomaly))") }
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

    private func forecast(_ breach: Breach, _ anomaly: Anomaly) -> String {
        let limit = amount(breach.limit, anomaly)
        if breach.breached { return "the limit of \(limit) is exceeded" }
        guard let p50 = breach.p50 else { return "no breach of \(limit) within \(Readable.duration(breach.horizon))" }
        let times = [breach.p10, breach.p50, breach.p90].map { $0.map { Readable.duration($0) } ?? "later" }
        return "the limit of \(limit) in \(Readable.duration(p50)) (10/50/90 %: \(times.joined(separator: ", "))), "
            + "probability \(Readable.number(breach.probability))"
    }

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
