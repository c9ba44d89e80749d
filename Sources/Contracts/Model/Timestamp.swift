/// An instant of wall-clock time in Unix milliseconds.
package struct Timestamp: RawRepresentable, Sendable, Hashable, Comparable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package var rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }

    /// Makes the instant that lies `milliseconds` after the epoch.
    package init(milliseconds: Int64) { self.rawValue = milliseconds }

    package static func < (lhs: Timestamp, rhs: Timestamp) -> Bool { lhs.rawValue < rhs.rawValue }

    /// Milliseconds from `other` to this instant; saturates at the ends of the range.
    package func milliseconds(since other: Timestamp) -> Int64 {
        let (difference, overflow) = rawValue.subtractingReportingOverflow(other.rawValue)
        guard overflow else { return difference }
        return rawValue < other.rawValue ? .min : .max
    }

    /// The instant `seconds` later; saturates at the ends of the range.
    package func advanced(bySeconds seconds: Double) -> Timestamp {
        let target = Double(rawValue) + seconds * 1_000
        guard target.isFinite else { return self }
        return Timestamp(rawValue: Int64(max(-9.2e18, min(9.2e18, target))))
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with seconds, such as `2026-02-06T14:30:22Z`.
    package var description: String {
        let date = calendar
        return "\(Self.padded(date.year, 4))-\(Self.padded(date.month))-\(Self.padded(date.day))"
            + "T\(Self.padded(date.hour)):\(Self.padded(date.minute)):\(Self.padded(date.second))Z"
    }

    /// The fourteen digits `yyyyMMddHHmmss` in UTC that begin a plan id.
    package var compact: String {
        let date = calendar
        return Self.padded(date.year, 4)
            + [date.month, date.day, date.hour, date.minute, date.second].map { Self.padded($0) }.joined()
    }

    /// Proleptic Gregorian date and time of day in UTC.
    ///
    /// Days to date as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    package var calendar: (year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        let seconds = rawValue.flooredDivision(by: 1_000)
        let days = seconds.flooredDivision(by: 86_400)
        let secondOfDay = Int(seconds - days * 86_400)
        let shifted = days + 719_468
        let era = shifted.flooredDivision(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (
            Int(year), Int(month), Int(dayOfYear - (153 * monthIndex + 2) / 5 + 1),
            secondOfDay / 3_600, secondOfDay / 60 % 60, secondOfDay % 60
        )
    }

    private static func padded(_ value: Int, _ width: Int = 2) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Int64 {
    fileprivate func flooredDivision(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
