extension Anomaly {
    /// What was measured instead of what, since when, who saw it and how unusual it is, in one sentence.
    package var explanation: String {
        var parts = [
            "\(amount(value)) instead of \(amount(expected)) (\(amount(lower)) to \(amount(upper)))",
            "since \(started)",
        ]
        if !seenBy.isEmpty { parts.append("seen by \(seenBy.joined(separator: ", "))") }
        if let rarity { parts.append(rarity) }
        if let forecast { parts.append(forecast.explanation(unit: unit)) }
        return parts.joined(separator: "; ")
    }

    /// How seldom a departure as large comes, as in `once in 40 days`; `nil` where that is not known or it comes daily.
    package var rarity: String? { Readable.rarity(days: rarityDays) }

    private func amount(_ value: Double) -> String { Readable.amount(value, unit) }
}

extension Breach {
    /// Whether, when and how surely the limit will be reached, and why it is one.
    package func explanation(unit: String) -> String {
        let name = "limit of \(Readable.amount(limit, unit))" + (reason.isEmpty ? "" : " (\(reason))")
        if breached { return "the \(name) is exceeded" }
        guard let p50 else { return "the \(name) is not reached within \(Readable.duration(horizon))" }
        let times = [p10, p50, p90].map { $0.map { Readable.duration($0) } ?? "later" }
        return "the \(name) in \(Readable.duration(p50)) (10/50/90 %: \(times.joined(separator: ", "))), "
            + "probability \(Readable.number(probability))"
    }
}
