#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a detector knows about the times of its samples, in 7 words.
package struct SampleClock: Sendable, Equatable, Codable {
    /// Least usual distance, milliseconds.
    private static let leastStep = 1_000.0

    /// First and newest sample, Unix milliseconds; 0 before there is one.
    package private(set) var first: Int64 = 0
    package private(set) var now: Int64 = 0
    /// Milliseconds between the two newest samples, at most a day.
    package private(set) var elapsed = 0.0
    /// Samples so far.
    package private(set) var count = 0
    /// Usual distance of samples, milliseconds.
    package private(set) var step = 60_000.0
    /// Natural logarithm of the samples a day.
    package private(set) var logPerDay = 7.27

    /// A clock before the first sample.
    package init() {}

    /// Days since the first sample.
    package var ageDays: Double { (Double(now) - Double(first)) / Double(SeasonalProfile.day) }

    /// Goes on to a sample.
    ///
    /// - Returns: `false`, and changes nothing, for a sample that is not newer than the newest.
    package mutating func advance(to timestamp: Int64) -> Bool {
        guard count > 0 else {
            first = timestamp
            now = timestamp
            count = 1
            return true
        }
        guard timestamp > now else { return false }
        elapsed = min(Double(timestamp) - Double(now), Double(SeasonalProfile.day))
        now = timestamp
        count = min(count + 1, 1 << 40)
        let change = elapsed / step - 1
        guard count <= 2 || change != 0 else { return true }
        step = count > 2 ? step + max(-0.5, min(0.5, change)) * step / min(Double(count), 50) : elapsed
        step = max(Self.leastStep, step)
        logPerDay = log(Double(SeasonalProfile.day) / step)
        return true
    }
}
