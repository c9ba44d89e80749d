/// Local time and holidays of the people whose habits a series follows: an offset from UTC that changes with daylight
/// saving time, and days that are like Sundays.
///
/// Knows no rules of time zones itself: whoever makes it hands in the changes of the offset.
package struct LocalCalendar: Sendable, Equatable, Codable {
    /// From when on an offset holds.
    package struct Change: Sendable, Equatable, Codable {
        /// Unix milliseconds.
        package var from: Int64
        /// Local time minus UTC in seconds, ±86,400.
        package var offsetSeconds: Int64

        /// All fields as given.
        package init(from: Int64, offsetSeconds: Int64) {
            self.from = from
            self.offsetSeconds = offsetSeconds
        }
    }

    private let offset: Int64
    private let changes: [Change]
    private let holidays: [Int64]

    /// - Parameters:
    ///   - offsetSeconds: local time minus UTC before the first change; out of ±86,400 the nearest of these.
    ///   - changes: of the offset, in any order.
    ///   - holidays: local days, counted from 1970-01-01 as day 0, in any order.
    package init(offsetSeconds: Int64 = 0, changes: [Change] = [], holidays: [Int64] = []) {
        func bounded(_ seconds: Int64) -> Int64 { max(-86_400, min(86_400, seconds)) }
        offset = bounded(offsetSeconds) * 1_000
        self.changes = changes.map { Change(from: $0.from, offsetSeconds: bounded($0.offsetSeconds)) }
            .sorted { $0.from < $1.from }
        self.holidays = Array(Set(holidays)).sorted()
    }

    /// Instant in local milliseconds; wraps around at the ends of time.
    func local(_ timestamp: Int64) -> Int64 {
        let change = changes.last { $0.from <= timestamp }
        return timestamp &+ (change.map { $0.offsetSeconds * 1_000 } ?? offset)
    }

    /// Monday 0 … Sunday 6; a holiday is a Sunday.
    func weekday(_ dayNumber: Int64) -> Int {
        holidays.isEmpty || !holidays.contains(dayNumber) ? SeasonalProfile.weekday(dayNumber) : 6
    }
}
