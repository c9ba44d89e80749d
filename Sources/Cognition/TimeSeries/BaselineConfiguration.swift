/// How a baseline is learned.
package struct BaselineConfiguration: Sendable, Equatable, Codable {
    /// Usual distance of the points in milliseconds, at least 1; default 60,000.
    ///
    /// Used only to tell gaps from steps: a distance beyond ten steps, and beyond ten times the history's own median
    /// distance, does not count as covered time.
    package var stepMilliseconds: Int64
    /// Least days of history; default 3.
    package var minimumDays: Double
    /// Days of history for full confidence; default 7.
    package var fullConfidenceDays: Double
    /// Offset of local time from UTC in seconds, ±86,400, default 0; days and weekdays begin at local midnight.
    package var utcOffsetSeconds: Int64
    /// Local time with daylight saving time, and holidays; default `nil`, the constant offset without holidays.
    package var calendar: LocalCalendar?
    /// The scale is at least this share of the expected value; default 0.01.
    package var relativeScaleFloor: Double
    /// The scale is at least this, in the unit of the series; default 1e-9.
    package var absoluteScaleFloor: Double
    /// Share by which a season must shrink the residuals of days it has not seen, in [0,1]; default 0.1.
    ///
    /// 0.4 divided by the days of history is added to it.
    package var minimumSeasonGain: Double

    /// Values that are not finite or out of range are replaced by the nearest or default ones.
    package init(
        stepMilliseconds: Int64 = 60_000, minimumDays: Double = 3, fullConfidenceDays: Double = 7,
        utcOffsetSeconds: Int64 = 0, relativeScaleFloor: Double = 0.01, absoluteScaleFloor: Double = 1e-9,
        minimumSeasonGain: Double = 0.1, calendar: LocalCalendar? = nil
    ) {
        self.stepMilliseconds = max(1, stepMilliseconds)
        self.minimumDays = minimumDays.isFinite ? max(0, minimumDays) : 3
        self.fullConfidenceDays = fullConfidenceDays.isFinite ? max(0.001, fullConfidenceDays) : 7
        self.utcOffsetSeconds = max(-86_400, min(86_400, utcOffsetSeconds))
        self.relativeScaleFloor = relativeScaleFloor.isFinite ? max(0, relativeScaleFloor) : 0.01
        self.absoluteScaleFloor = absoluteScaleFloor.isFinite ? max(1e-12, absoluteScaleFloor) : 1e-9
        self.calendar = calendar
        self.minimumSeasonGain = minimumSeasonGain.isFinite ? max(0, min(1, minimumSeasonGain)) : 0.1
    }
}
