#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// When evidence becomes a notification: once for an event, at most once in a hold time, and the more notifications
/// there were lately, the more it takes.
///
/// An event goes on until the series was inconspicuous for a while. State: 4 words.
struct NotificationPolicy: Sendable, Equatable, Codable {
    /// Milliseconds in which one notification stands for all that follows, and the least number of samples of it.
    private static let hold = 3_600_000.0
    private static let leastSamples = 3.0
    /// Milliseconds without evidence that end an event.
    private static let calm = 3_600_000.0
    /// Decades that one notification adds to what the next one needs, and the milliseconds after which a share of 1/e of
    /// it is left.
    private static let demand = 0.2
    private static let fading = 2 * 86_400_000.0

    private var notified: Int64?
    private var needed = 0.0
    private var latest: Int64 = 0
    private var conspicuous: Int64?

    /// Whether people hear of a sample.
    ///
    /// - Parameters:
    ///   - evidence: decades over the threshold.
    ///   - step: usual distance of samples in milliseconds.
    mutating func admits(evidence: Double, at timestamp: Int64, step: Double) -> Bool {
        if evidence < 0 { return false }
        let calm = conspicuous.map { Double(timestamp) - Double($0) } ?? .infinity
        conspicuous = timestamp
        let wanted = needed * exp(-max(0, Double(timestamp) - Double(latest)) / Self.fading)
        let since = notified.map { Double(timestamp) - Double($0) } ?? .infinity
        guard evidence >= wanted, since > max(Self.hold, Self.leastSamples * step),
            calm >= Self.calm
        else { return false }
        notified = timestamp
        latest = timestamp
        needed = wanted + Self.demand
        return true
    }
}
