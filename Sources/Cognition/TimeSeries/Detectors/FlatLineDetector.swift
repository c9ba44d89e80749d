/// A series that varies and then repeats one value: a dead sensor, a stuck exporter, a hung process.
///
/// The share of repetitions is learned from finished runs; a run of k repetitions then has the probability share^k.
/// Series that have changed fewer than 16 times, or that repeat themselves almost always, are never flat. State: 12
/// words.
package struct FlatLineDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "flat-line"
    private static let leastChanges = 16.0

    private var level = RecentLevel()
    private var last: Double?
    private var run = 0
    private var repetitions = 0.0
    private var changes = 0.0

    /// A detector that has seen nothing.
    package init() {}

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        let score = scored(sample)
        return level.judge(sample.value, score: score)
    }

    private mutating func scored(_ sample: Sample) -> Double {
        guard let last else {
            self.last = sample.value
            return 0
        }
        guard sample.value == last else {
            repetitions += Double(run)
            changes += 1
            // Old runs are forgotten by halves.
            if changes >= 1_024 {
                repetitions /= 2
                changes /= 2
            }
            run = 0
            self.last = sample.value
            return 0
        }
        run = min(run + 1, 1 << 40)
        guard changes >= Self.leastChanges else { return 0 }
        // One more repetition than seen: a series that never repeated itself may do so now and then.
        let share = (repetitions + 1) / (repetitions + changes + 2)
        return Statistics.score(share: share, power: Double(run))
    }
}
