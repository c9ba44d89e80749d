/// Turns a counter into a rate: the pre-processing for detectors of gauges.
///
/// A fall is a reset, after which the counter has counted from 0, as Prometheus takes it. State: 3 words.
package struct CounterRate: Sendable, Equatable, Codable {
    private var last: Sample?

    /// A conversion that has seen nothing.
    package init() {}

    /// The rate a second between the last sample and this one, at its time; `nil` for the first one, for an unusable one
    /// and for one that is not newer.
    package mutating func update(_ sample: Sample) -> Sample? {
        guard sample.isUsable else { return nil }
        guard let last else {
            self.last = sample
            return nil
        }
        guard sample.timestamp > last.timestamp else { return nil }
        self.last = sample
        let counted = sample.value < last.value ? sample.value : sample.value - last.value
        let seconds = (Double(sample.timestamp) - Double(last.timestamp)) / 1_000
        return Sample(timestamp: sample.timestamp, value: counted / seconds)
    }
}
