/// Values as a person reads them in a plan, in evidence and on a terminal.
///
/// The text is part of a signed plan, so it is the same on every machine: no locale, no Foundation.
package enum Readable {
    /// A number with at most two digits after the point, none when it is large.
    ///
    /// `NaN` and infinities stay as they are.
    package static func number(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        if abs(value) >= 1_000 || value == value.rounded() { return "\(Int64(value.rounded()))" }
        if value != 0, abs(value) < 0.01 { return significant(value) }
        return "\((value * 100).rounded() / 100)"
    }

    /// A value with its unit: `bytes` in binary multiples, `seconds` below one in milliseconds, others as they are.
    package static func amount(_ value: Double, _ unit: String) -> String {
        guard value.isFinite else { return "\(value) \(unit)" }
        switch unit {
        case "bytes": return bytes(value)
        case "seconds" where value != 0 && abs(value) < 1: return "\(number(value * 1_000)) ms"
        case "seconds": return "\(number(value)) s"
        case "percent": return "\(number(value)) %"
        case "", "count", "bool", "ratio": return number(value)
        default: return "\(number(value)) \(unit)"
        }
    }

    /// A signed share in whole per cent: `+50 %` for 0.5.
    package static func percent(_ ratio: Double) -> String {
        guard ratio.isFinite, abs(ratio) < 1e9 else { return "far" }
        let rounded = Int((ratio * 100).rounded())
        return (rounded >= 0 ? "+" : "") + "\(rounded) %"
    }

    /// A length of time in seconds: `12.5 s`, `3 min`, `4.2 h`, `2 d`.
    package static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "\(seconds) s" }
        switch abs(seconds) {
        case ..<120: return "\(number(seconds)) s"
        case ..<7_200: return "\(Int64((seconds / 60).rounded())) min"
        case ..<172_800: return "\(number((seconds / 360).rounded() / 10)) h"
        default: return "\(number((seconds / 8_640).rounded() / 10)) d"
        }
    }

    /// How seldom something comes, as in `once in 40 days`; `nil` for what comes daily or is not known.
    package static func rarity(days: Double) -> String? {
        guard days >= 2 else { return nil }
        if days >= 3_650 { return "less than once in ten years" }
        return days >= 730 ? "once in \(Int(days / 365)) years" : "once in \(Int(days)) days"
    }

    private static func bytes(_ value: Double) -> String {
        var scaled = value
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if abs(scaled) < 1_024 { return "\(abs(scaled) < 10 ? number(scaled) : number(scaled.rounded())) \(unit)" }
            scaled /= 1_024
        }
        return "\(number(scaled)) PiB"
    }

    /// Two significant digits of a small number.
    private static func significant(_ value: Double) -> String {
        var scale = 100.0
        while abs(value) * scale < 10, scale < 1e12 { scale *= 10 }
        return "\((value * scale).rounded() / scale)"
    }
}
