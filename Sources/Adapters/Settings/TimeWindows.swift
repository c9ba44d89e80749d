import Authority
import Foundation
import Model

/// Lists of time windows.
enum TimeWindows {
    private static let days = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]

    /// Reads a list; empty where there is none.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    static func read(_ value: YAMLDocument.Value?) throws(SettingsError) -> [TimeWindow] {
        var windows: [TimeWindow] = []
        for element in try value?.list() ?? [] { windows.append(try window(element)) }
        return windows
    }

    private static func window(_ value: YAMLDocument.Value) throws(SettingsError) -> TimeWindow {
        try value.allow(["name", "time_zone", "days", "start", "end", "from", "until"])
        var names: Set<Int> = []
        for day in try value["days"]?.list() ?? [] {
            let text = try day.string().uppercased()
            guard let index = days.firstIndex(of: text) else {
                throw day.error("'\(text)' is not a day", valid: days.joined(separator: ", "))
            }
            names.insert(index)
        }
        return TimeWindow(
            name: try value.required("name").string(), zone: try zone(try value.required("time_zone")), days: names,
            startMinute: try value["start"].map { text throws(SettingsError) in try minute(text) } ?? 0,
            endMinute: try value["end"].map { text throws(SettingsError) in try minute(text) } ?? 1_440,
            from: try value["from"].map { text throws(SettingsError) in try local(text) },
            until: try value["until"].map { text throws(SettingsError) in try local(text) })
    }

    private static func minute(_ value: YAMLDocument.Value) throws(SettingsError) -> Int {
        let text = try value.string()
        let parts = text.split(separator: ":").compactMap { Int($0) }
        guard parts.count == 2, (0...24).contains(parts[0]), (0..<60).contains(parts[1]),
            parts[0] * 60 + parts[1] <= 1_440
        else { throw value.error("'\(text)' is not a time of day", valid: "HH:MM from 00:00 to 24:00, in quotes") }
        return parts[0] * 60 + parts[1]
    }

    /// Local date and time as milliseconds, as if they were UTC.
    private static func local(_ value: YAMLDocument.Value) throws(SettingsError) -> Int64 {
        let text = try value.string()
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        for format in ["yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd HH:mm", "yyyy-MM-dd"] {
            formatter.dateFormat = format
            if let date = formatter.date(from: text) { return Int64(date.timeIntervalSince1970 * 1_000) }
        }
        throw value.error("'\(text)' is not a local time", valid: "YYYY-MM-DD or YYYY-MM-DDTHH:MM, in quotes")
    }

    /// Offsets of a zone for the next thirty years, from the zone data of the system.
    private static func zone(_ value: YAMLDocument.Value) throws(SettingsError) -> ZoneOffsets {
        let text = try value.string()
        guard let zone = TimeZone(identifier: text) else {
            throw value.error("'\(text)' is not a time zone", valid: "a name such as Europe/Berlin or UTC")
        }
        let start = Date(timeIntervalSince1970: 1_577_836_800)
        let end = start.addingTimeInterval(86_400 * 365.25 * 36)
        var changes: [ZoneOffsets.Change] = []
        var date = start
        while let next = zone.nextDaylightSavingTimeTransition(after: date), next < end, changes.count < 200 {
            changes.append(
                .init(
                    time: Timestamp(milliseconds: Int64(next.timeIntervalSince1970 * 1_000)),
                    offset: zone.secondsFromGMT(for: next)))
            date = next
        }
        return ZoneOffsets(name: text, initial: zone.secondsFromGMT(for: start), changes: changes)
    }
}
