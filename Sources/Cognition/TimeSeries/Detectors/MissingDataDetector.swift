/// A series that stays away: more missing samples in a row than it has shown to be usual.
///
/// The usual distance is a running median of the distances, and the share of missing samples is learned from finished
/// gaps; a gap of k missing samples then has the probability share^k. A step that changes for good is learned within
/// some 50 samples. Values do not matter, and unusable ones are missing. State: 12 words.
package struct MissingDataDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "missing-data"
    private static let warmUp = 16.0

    private var newest: Int64?
    private var step = 0.0
    private var count = 0.0
    private var missed = 0.0
    private var level = RecentLevel()

    /// A detector that has seen nothing.
    package init() {}

    /// Usual distance of samples in milliseconds; 0 before the second one.
    package var stepMilliseconds: Double { step }

    /// Takes in the next sample and scores the gap before it, in [0,1]; one that is not newer than the last scores 0.
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        guard let last = newest else {
            newest = sample.timestamp
            return level.judge(sample.value, score: 0)
        }
        guard sample.timestamp > last else { return .none }
        let score = silence(at: sample.timestamp)
        learn(Double(sample.timestamp) - Double(last))
        newest = sample.timestamp
        return level.judge(sample.value, score: score)
    }

    /// How unusual it is that nothing has come since the newest sample, in [0,1].
    ///
    /// - Parameter timestamp: now, Unix milliseconds.
    package func silence(at timestamp: Int64) -> Double {
        guard let newest, timestamp > newest, step > 0, count >= Self.warmUp else { return 0 }
        let missing = (Double(timestamp) - Double(newest)) / step - 1
        // Half a step late is not missing.
        guard missing > 0.5 else { return 0 }
        return Statistics.score(share: (missed + 1) / (missed + count + 2), power: missing)
    }

    private mutating func learn(_ distance: Double) {
        count += 1
        // Old gaps are forgotten by halves.
        if count >= 10_000 {
            count /= 2
            missed /= 2
        }
        if step == 0 { step = distance }
        if distance > 1.5 * step { missed += min(distance / step - 1, 100) }
        // A running median: each distance moves it by a share, whatever its size.
        let pace = step * max(0.02, 1 / (count + 1))
        step += max(-pace, min(pace, distance - step))
    }
}
