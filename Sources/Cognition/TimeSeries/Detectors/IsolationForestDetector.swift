#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How few random cuts isolate the newest sample from the recent ones.
///
/// Isolation Forest (Liu, Ting and Zhou 2008, algorithms 1 to 3), with the chance counted in that a cut falls between
/// the sample and all others (Guha and others 2016, "Robust random cut forest", section 3), over value, step from the
/// sample before, and distance from the mean of the eight before: 24 trees of 64 out of the last 256 samples, grown
/// anew every 128 samples. The forest's score is compared with its own recent mean and spread. Warms up for 256
/// samples. State: at most 96 KiB.
package struct IsolationForestDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "isolation-forest"
    private static let trees = 24
    private static let sample = 64
    private static let window = 256
    private static let period = 128
    /// Of a point: value, step, and distance from the mean of the last eight.
    private static let features = 3

    private var generator: SplitMix64
    private var recent: [Double] = []
    private var history: [[Double]] = []
    private var forest: [IsolationTree] = []
    private var sinceGrown = 0
    private var isolation = UnusualValue()
    private var level = RecentLevel()

    /// - Parameter seed: of the random cuts; the same seed gives the same scores.
    package init(seed: UInt64 = 1) { generator = SplitMix64(seed: seed) }

    /// - Throws: `DecodingError` for points that no series has.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        generator = try container.decode(SplitMix64.self, forKey: .generator)
        recent = try container.decode([Double].self, forKey: .recent)
        history = try container.decode([[Double]].self, forKey: .history)
        forest = try container.decode([IsolationTree].self, forKey: .forest)
        sinceGrown = try container.decode(Int.self, forKey: .sinceGrown)
        isolation = try container.decode(UnusualValue.self, forKey: .isolation)
        level = try container.decode(RecentLevel.self, forKey: .level)
        guard recent.count <= 8, history.count <= Self.window, forest.count <= Self.trees,
            history.allSatisfy({ $0.count == Self.features })
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .history, in: container, debugDescription: "no series has such points")
        }
    }

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        let score = scored(sample)
        return level.judge(sample.value, score: score)
    }

    private mutating func scored(_ sample: Sample) -> Double {
        defer {
            recent.append(sample.value)
            if recent.count > 8 { recent.removeFirst(recent.count - 8) }
        }
        guard let last = recent.last else { return 0 }
        // Of equal values exactly the same.
        let mean = last + recent.reduce(0) { $0 + ($1 - last) } / Double(recent.count)
        let features = [sample.value, sample.value - last, sample.value - mean]
        let score = score(features)
        history.append(features)
        if history.count > Self.window { history.removeFirst(history.count - Self.window) }
        sinceGrown += 1
        if history.count == Self.window, forest.isEmpty || sinceGrown >= Self.period {
            grow()
            sinceGrown = 0
        }
        return score
    }

    private mutating func score(_ features: [Double]) -> Double {
        guard !forest.isEmpty else { return 0 }
        let depth = forest.reduce(0) { $0 + $1.depth(of: features) } / Double(forest.count)
        return isolation.score(exp2(-depth / IsolationTree.expectedDepth(Self.sample)), step: 0.2)
    }

    private mutating func grow() {
        forest = (0..<Self.trees).map { _ in
            let chosen = (0..<Self.sample).map { _ in history[Int.random(in: 0..<history.count, using: &generator)] }
            return IsolationTree(chosen, using: &generator)
        }
    }
}
