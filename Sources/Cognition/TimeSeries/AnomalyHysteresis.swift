/// Turns scores into anomalies with a beginning and an end: several unusual samples open one, several normal ones
/// and a time without unusual ones close it.
///
/// State: 5 words.
struct AnomalyHysteresis: Sendable, Equatable, Codable {
    private var unusual = 0
    private var calm = 0
    private var since: Int64 = 0
    private var lastUnusual: Int64 = 0
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
        if !isOpen, unusual >= max(1, configuration.consecutive) {
            isOpen = true
            return .opened(since: since)
        }
        guard isOpen else {
            calm = 0
            return .none
        }
        let quiet = Double(timestamp) - Double(lastUnusual)
        guard calm >= configuration.clearAfter, quiet >= Double(configuration.coolDownMilliseconds) else {
            return .ongoing(since: since)
        }
        isOpen = false
        unusual = 0
        calm = 0
        return .closed(since: since, until: lastUnusual)
    }
}
