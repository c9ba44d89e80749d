/// Values around the clock, for one kind of day or for several, interpolated between the centers of their buckets.
struct SeasonalProfile: Sendable, Equatable, Codable {
    static let day: Int64 = 86_400_000
    /// Every day alike.
    static let oneKind = [0, 0, 0, 0, 0, 0, 0]
    /// Monday to Friday, and the weekend.
    static let twoKinds = [0, 0, 0, 0, 0, 1, 1]
    /// Each day of the week for itself.
    static let sevenKinds = [0, 1, 2, 3, 4, 5, 6]

    /// Kind of each weekday, Monday first.
    var kinds: [Int]
    /// Buckets a day, at least 1.
    var buckets: Int
    /// Place within its bucket at which a value holds, in [0,1].
    var center: Double
    /// One value a bucket, kind after kind; a single one when nothing repeats.
    var values: [Double]
    /// Local time and holidays.
    var calendar: LocalCalendar

    /// Number of the local day; day 0 is a Thursday (1970-01-01).
    static func dayNumber(_ local: Int64) -> Int64 {
        let (quotient, remainder) = local.quotientAndRemainder(dividingBy: day)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Monday 0 … Sunday 6.
    static func weekday(_ dayNumber: Int64) -> Int { Int((dayNumber % 7 + 10) % 7) }

    /// Interpolated value at an instant.
    func value(at timestamp: Int64) -> Double {
        guard values.count > 1, values.count >= buckets, buckets > 0, kinds.count == 7, (0...1).contains(center) else {
            return values.first ?? 0
        }
        let local = calendar.local(timestamp)
        let dayNumber = Self.dayNumber(local)
        let phase = Double(local &- dayNumber &* Self.day) / Double(Self.day) * Double(buckets) - center
        let below = Int(phase.rounded(.down))
        let share = phase - Double(below)
        return bucket(below, dayNumber) * (1 - share) + bucket(below + 1, dayNumber) * share
    }

    /// Value of a bucket counted from the start of a day; before and after it, of the neighbouring day.
    private func bucket(_ index: Int, _ dayNumber: Int64) -> Double {
        let (shift, position): (Int64, Int) =
            index < 0 ? (-1, index + buckets) : index >= buckets ? (1, index - buckets) : (0, index)
        let kind = kinds[calendar.weekday(dayNumber &+ shift)]
        let place = kind * buckets + position
        return values.indices.contains(place) ? values[place] : values[position]
    }
}
