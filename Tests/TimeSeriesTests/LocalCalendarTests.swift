import Testing

@testable import TimeSeries

struct LocalCalendarTests {
    /// Busy from 9 to 17 local time on working days.
    private func office(_ time: Int64, _ offset: Int64, isFree: Bool = false) -> Double {
        let local = time + offset * 1_000
        let hour = (local % day) / 3_600_000
        let weekday = SeasonalProfile.weekday(SeasonalProfile.dayNumber(local))
        return (9..<17).contains(hour) && weekday < 5 && !isFree ? 200 : 50
    }

    @Test func clockChangeMovesTheSeasonWithThePeople() throws {
        let change = monday + 14 * day
        let calendar = LocalCalendar(offsetSeconds: 3_600, changes: [.init(from: change, offsetSeconds: 7_200)])
        let history = samples(days: 14, stepSeconds: 600) { office($0, 3_600) }
        let baseline = try Baseline.learn(from: history, configuration: .init(calendar: calendar))
        let deaf = try Baseline.learn(from: history, configuration: .init(utcOffsetSeconds: 3_600))
        // Half past nine local time after the change is half past seven UTC.
        let time = change + 7 * 3_600_000 + 1_800_000
        #expect(office(time, 7_200) == 200)
        #expect(abs(baseline.band(at: time).expected - 200) < 5)
        #expect(abs(deaf.band(at: time).expected - 200) > 50)
    }

    @Test func holidayIsASunday() throws {
        let holiday = SeasonalProfile.dayNumber(monday) + 15
        let calendar = LocalCalendar(holidays: [holiday, holiday])
        let history = samples(days: 14, stepSeconds: 600) { office($0, 0) }
        let baseline = try Baseline.learn(from: history, configuration: .init(calendar: calendar))
        #expect(baseline.season == .weekly)
        let noon = monday + 15 * day + day / 2
        #expect(abs(baseline.band(at: noon).expected - 50) < 5)
        #expect(abs(baseline.band(at: noon + day).expected - 200) < 5)
    }

    @Test func anyCalendarIsDefined() {
        let calendar = LocalCalendar(
            offsetSeconds: .max,
            changes: [.init(from: .max, offsetSeconds: .min), .init(from: .min, offsetSeconds: 0)])
        #expect(calendar.local(5) == 5)
        #expect(calendar.local(.max) == .max - 86_400_000)
        #expect((0...6).contains(calendar.weekday(.min)) && (0...6).contains(calendar.weekday(.max)))
    }
}
