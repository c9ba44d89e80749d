/// Histories as forecasters take them.
enum FilledHistory {
    /// Values without gaps: unusable ones between two usable ones are interpolated, those at the ends are dropped.
    static func filled(_ history: [Double]) -> [Double] {
        func isUsable(_ value: Double) -> Bool { abs(value) < 1e150 }
        guard let first = history.firstIndex(where: isUsable), let last = history.lastIndex(where: isUsable) else {
            return []
        }
        var values = Array(history[first...last])
        var known = 0
        for index in values.indices where isUsable(values[index]) {
            for place in (known + 1)..<max(known + 1, index) {
                let share = Double(place - known) / Double(index - known)
                values[place] = values[known] * (1 - share) + values[index] * share
            }
            known = index
        }
        return values
    }

    /// Seasons that a history of so many points holds at least twice, ascending and without repetitions.
    static func seasons(_ seasons: [Int], points: Int) -> [Int] {
        Array(Set(seasons.filter { $0 > 1 && $0 <= points / 2 })).sorted()
    }
}
