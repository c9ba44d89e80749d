import Model

/// Times of the week, or a span of time, in a time zone.
package struct TimeWindow: Sendable, Equatable {
    /// Name for people.
    package var name: String
    /// Offsets of the time zone from UTC.
    package var zone: ZoneOffsets
    /// Days of the week on which it begins, 0 for Monday; empty: every day.
    package var days: Set<Int>
    /// Minute of the local day at which it begins, 0..<1440.
    package var startMinute: Int
    /// Minute of the local day at which it ends; not after ``startMinute``: on the next day.
    package var endMinute: Int
    /// Local time from which it holds, in milliseconds as if it were UTC; `nil`: always.
    package var from: Int64?
    /// Local time until which it holds, in milliseconds as if it were UTC; `nil`: always.
    package var until: Int64?

    package init(
        name: String, zone: ZoneOffsets, days: Set<Int> = [], startMinute: Int = 0, endMinute: Int = 1_440,
        from: Int64? = nil, until: Int64? = nil
    ) {
        self.name = name
        self.zone = zone
        self.days = days
        self.startMinute = startMinute
        self.endMinute = endMinute
        self.from = from
        self.until = until
    }

    /// Whether a time lies in the window.
    package func contains(_ time: Timestamp) -> Bool {
        let local = time.rawValue + Int64(zone.offset(at: time)) * 1_000
        if let from, local < from { return false }
        if let until, local >= until { return false }
        let day = Self.floored(local, 86_400_000)
        let minute = Int((local - day * 86_400_000) / 60_000)
        if endMinute > startMinute { return holds(day) && (startMinute..<endMinute).contains(minute) }
        return (holds(day) && minute >= startMinute) || (holds(day - 1) && minute < endMinute)
    }

    /// 1970-01-01 was a Thursday.
    private func holds(_ day: Int64) -> Bool { days.isEmpty || days.contains(Int(((day + 3) % 7 + 7) % 7)) }

    private static func floored(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }
}

/// Offsets of a time zone from UTC with the instants at which they change.
package struct ZoneOffsets: Sendable, Equatable {
    /// Name, such as `Europe/Berlin`.
    package var name: String
    /// Seconds east of UTC before the first change.
    package var initial: Int
    /// Changes, oldest first.
    package var changes: [Change]

    /// From an instant on, another offset holds.
    package struct Change: Sendable, Equatable {
        package var time: Timestamp
        package var offset: Int

        package init(time: Timestamp, offset: Int) {
            self.time = time
            self.offset = offset
        }
    }

    package init(name: String, initial: Int, changes: [Change] = []) {
        self.name = name
        self.initial = initial
        self.changes = changes
    }

    /// Coordinated universal time.
    package static let utc = ZoneOffsets(name: "UTC", initial: 0)

    /// Seconds east of UTC at an instant.
    package func offset(at time: Timestamp) -> Int { changes.last { $0.time <= time }?.offset ?? initial }
}
