import Foundation

/// Local time and holidays, for the seasons of baselines: `baseline.time_zone` and `baseline.holidays`.
package struct CalendarSettings: Sendable, Equatable {
    /// Name of the IANA time zone, such as `Europe/Berlin`; `nil` for the constant offset.
    package var timeZone: String?
    /// Local days that are like Sundays, counted from 1970-01-01 as day 0.
    package var holidays: [Int64]

    /// Reads both.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    init(_ scalars: Scalars) throws(SettingsError) {
        timeZone = scalars.string("baseline.time_zone")
        if let timeZone, TimeZone(identifier: timeZone) == nil {
            throw scalars.error(
                "baseline.time_zone", "'\(timeZone)' is not a time zone", valid: "a name such as Europe/Berlin or UTC")
        }
        holidays = []
        for part in scalars.string("baseline.holidays", default: "").split(separator: ",") {
            let text = part.trimmingCharacters(in: .whitespaces)
            guard let date = try? Date("\(text)T00:00:00Z", strategy: .iso8601) else {
                throw scalars.error(
                    "baseline.holidays", "'\(text)' is not a day", valid: "days such as 2026-12-25, separated by commas"
                )
            }
            holidays.append(Int64((date.timeIntervalSince1970 / 86_400).rounded(.down)))
        }
    }

    /// Offsets from UTC in seconds: the one at a time, and each one later with the Unix milliseconds from which it holds.
    ///
    /// - Parameters:
    ///   - from: the time.
    ///   - days: how far to look ahead.
    /// - Returns: `nil` without a time zone.
    package func offsets(from: Date, days: Double) -> (first: Int64, changes: [(from: Int64, seconds: Int64)])? {
        guard let zone = timeZone.flatMap(TimeZone.init(identifier:)) else { return nil }
        var changes: [(from: Int64, seconds: Int64)] = []
        var time = from
        while let next = zone.nextDaylightSavingTimeTransition(after: time),
            next.timeIntervalSince(from) < days * 86_400, next > time
        {
            changes.append((Int64(next.timeIntervalSince1970 * 1_000), Int64(zone.secondsFromGMT(for: next))))
            time = next
        }
        return (Int64(zone.secondsFromGMT(for: from)), changes)
    }
}
