#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What keeps one event from raising several alarms.
///
/// All unusual samples of the first hour belong to the alarm; what goes on without a pause after it raises another one
/// only when it becomes still more unusual, and what begins anew soon after needs more evidence than usual. State: 5
/// words.
struct AlarmHold: Sendable, Equatable, Codable {
    /// Milliseconds within which all unusual samples belong to the alarm.
    private static let length = 3_300_000.0
    /// Pause in milliseconds after which something begins anew.
    private static let pause = 3_600_000.0
    /// Time constant of the demand in milliseconds, and what it begins with in decades of probability.
    private static let fading = 3 * 3_600_000.0
    private static let demand = 1.0

    private var alarm: Int64?
    private var latest: Int64 = 0
    /// Largest surplus since the alarm.
    private var peak = 0.0

    /// Whether a sample over the threshold is part of an alarm's first hour or raises a new one.
    ///
    /// - Parameters:
    ///   - surplus: decades of probability over the threshold, at least 0.
    ///   - step: usual distance of samples in milliseconds.
    mutating func admits(surplus: Double, at timestamp: Int64, step: Double) -> Bool {
        defer {
            latest = timestamp
            peak = max(peak, surplus)
        }
        guard let alarm else {
            self.alarm = timestamp
            return true
        }
        let since = Double(timestamp) - Double(alarm)
        guard since > Self.length else { return true }
        let isOngoing = Double(timestamp) - Double(latest) <= max(Self.pause, 1.5 * step)
        let needed = isOngoing ? peak + Self.demand : Self.demand * exp(-since / Self.fading)
        guard surplus >= needed else { return false }
        self.alarm = timestamp
        peak = 0
        return true
    }
}
