/// The level at which a series has saturated before: a full disk, a memory limit, an exhausted pool.
///
/// Two signs are looked for in the history. A **ceiling**: again and again the series rises to the same level and stays
/// there for a while, truncated, where values just below the level are far seldomer than those at it. A **collapse**: the
/// series climbs and then falls by half of its range at once, several times, and always from the same height; this is what
/// the end of a process at its memory limit looks like. Neither is looked for below, where most series end at zero by nature.
package enum SaturationPoint {
    /// Times that a level must have been reached.
    package static let leastVisits = 3
    /// Points in a row that make a stay at the ceiling.
    private static let leastStay = 3
    /// Share of the range within which values count as the same level.
    private static let tolerance = 0.01
    /// A ceiling holds so many times the values that the level below it does, and at most this share of all.
    private static let crowding = 4.0
    private static let rareShare = 0.3
    /// Share of the range that a collapse falls at once, and by which its heights may differ.
    private static let collapse = 0.5
    private static let heights = 0.05
    /// Share of all values that may lie at this height: a series that climbs passes through it, one that jumps stays.
    private static let passing = 0.15

    /// The saturation point of a history; `nil` where there is no sign of one.
    ///
    /// - Parameters:
    ///   - samples: history; order does not matter, unusable ones are skipped. Fewer than 100 tell nothing.
    ///   - unit: of the values, for the reason.
    package static func learn(from samples: [Sample], unit: String = "") -> SeriesLimit? {
        let values = BaselineFit.cleaned(samples).map(\.value)
        guard values.count >= 100, let low = values.min(), let high = values.max(), high > low else { return nil }
        return ceiling(values, low, high, unit) ?? collapses(values, low, high, unit)
    }

    private static func ceiling(_ values: [Double], _ low: Double, _ high: Double, _ unit: String) -> SeriesLimit? {
        let width = (high - low) * tolerance
        let edge = high - width
        var stays = 0
        var length = 0
        var atEdge = 0
        // Five times as wide, so that a level that is merely common does not look empty below.
        var below = 0
        for value in values {
            if value >= edge {
                atEdge += 1
                length += 1
                if length == leastStay { stays += 1 }
            } else {
                length = 0
                if value >= edge - 5 * width { below += 1 }
            }
        }
        guard stays >= leastVisits, Double(atEdge) * 5 >= crowding * Double(below),
            Double(atEdge) <= rareShare * Double(values.count)
        else { return nil }
        return SeriesLimit(
            value: edge, source: .learned,
            reason: "it stayed at \(short(high))\(unit.isEmpty ? "" : " \(unit)") \(stays) times and never rose above")
    }

    private static func collapses(_ values: [Double], _ low: Double, _ high: Double, _ unit: String) -> SeriesLimit? {
        let range = high - low
        var peaks: [Double] = []
        for (before, after) in zip(values, values.dropFirst()) where before - after >= collapse * range {
            peaks.append(before)
        }
        guard peaks.count >= leastVisits, let least = peaks.min(), let most = peaks.max(),
            most - least <= heights * range, least >= high - heights * range,
            Double(values.count { $0 >= least - heights * range }) <= passing * Double(values.count)
        else { return nil }
        return SeriesLimit(
            value: least, source: .learned,
            reason: "\(peaks.count) times it fell at once from about \(short(most))\(unit.isEmpty ? "" : " \(unit)")")
    }

    /// Four digits without Foundation.
    private static func short(_ value: Double) -> String {
        guard value != 0, abs(value) < 1e15 else { return "\(value)" }
        var scale = 1.0
        while abs(value) * scale < 1_000, scale < 1e15 { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int64(rounded))" : "\(rounded)"
    }
}
