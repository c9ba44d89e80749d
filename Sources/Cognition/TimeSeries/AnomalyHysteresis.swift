/// Turns scores into anomalies with a beginning and an end: several unusual samples open one, several normal ones
/// and a time without unusual ones close it.
///
/// One that opens again soon after its end is the same anomaly, goes on with its old start, and from then on takes as long a
/// time without unusual samples to end: a flapping series is told once. State: 8 words.
struct AnomalyHysteresis: Sendable, Equatable, Codable {
    private var unusual = 0
    private var calm = 0
    private var since: Int64 = 0
    private var lastUnusual: Int64 = 0
    /// Start and last unusual sample of the anomaly before.
    private var before: ClosedRange<Int64>?
    private var isFlapping = false
    private(set) var isOpen = false

    /// Start of the open anomaly, Unix milliseconds.
    var openSince: Int64? { isOpen ? since : nil }

    /// What a sample means that does not count.
    var unchanged: Transition { isOpen ? .ongoing(since: since) : .none }

    /// Takes in the score of the next sample.
    mutating func update(score: Double, at timestamp: Int64, _ configuration: DetectorConfiguration) -> Transition {
        if score >= configuration.threshold {
            if !isOpen, unusual == 0 { since = timestamp }
            unusual = min(unusual + 1, max(1, configuration.consecutive))
            calm = 0
            lastUnusual = timestamp
        } else {
            if !isOpen { unusual = 0 }
            calm = score < configuration.clearLevel ? calm + 1 : 0
        }
        if !isOpen, unusual >= max(1, configuration.consecutive) { return open(configuration) }
        guard isOpen else {
            calm = 0
            return .none
        }
        let needed =
            isFlapping
            ? max(configuration.coolDownMilliseconds, configuration.flappingMilliseconds)
            : configuration.coolDownMilliseconds
        let quiet = Double(timestamp) - Double(lastUnusual)
        guard calm >= configuration.clearAfter, quiet >= Double(needed) else { return .ongoing(since: since) }
        before = since...max(since, lastUnusual)
        isOpen = false
        isFlapping = false
        unusual = 0
        calm = 0
        return .closed(since: since, until: lastUnusual)
    }

    private mutating func open(_ configuration: DetectorConfiguration) -> Transition {
        isOpen = true
        let pause = before.map { Double(since) - Double($0.upperBound) } ?? .infinity
        guard let before, pause <= Double(configuration.flappingMilliseconds) else { return .opened(since: since) }
        since = before.lowerBound
        isFlapping = true
        return .reopened(since: since)
    }
}
