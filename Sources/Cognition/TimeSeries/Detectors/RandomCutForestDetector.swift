#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How many recent samples the newest one displaces in random cuts: the streaming robust random cut forest.
///
/// 16 trees over the last 128 shingles of four samples; the logarithm of the collusive
/// displacement, the mean of the trees, is judged by its own running mean and spread. Warms up for 192 samples. State: at most 640 KiB:
/// not for many series.
package struct RandomCutForestDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "random-cut-forest"
    private static let trees = 16
    private static let capacity = 128
    private static let shingle = 4

    private var forest: [RandomCutTree]
    /// Leaf of each point in each tree, oldest first.
    private var leaves: [[Int]] = []
    private var recent: [Double] = []
    private var unusual = UnusualValue()
    private var level = RecentLevel()

    /// - Parameter seed: of the random cuts; the same seed gives the same scores.
    package init(seed: UInt64 = 1) {
        var generator = SplitMix64(seed: seed)
        forest = (0..<Self.trees).map { _ in RandomCutTree(dimensions: Self.shingle, seed: generator.next()) }
    }

    /// - Throws: `DecodingError` for trees and leaves that do not belong together.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        forest = try container.decode([RandomCutTree].self, forKey: .forest)
        leaves = try container.decode([[Int]].self, forKey: .leaves)
        recent = try container.decode([Double].self, forKey: .recent)
        unusual = try container.decode(UnusualValue.self, forKey: .unusual)
        level = try container.decode(RecentLevel.self, forKey: .level)
        guard forest.count == Self.trees, leaves.count <= Self.capacity, recent.count <= Self.shingle,
            leaves.allSatisfy({ $0.count == Self.trees }),
            forest.indices.allSatisfy({ tree in forest[tree].isWhole(Self.shingle, leaves.map { $0[tree] }) })
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .forest, in: container, debugDescription: "the trees and their points do not belong together")
        }
    }

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        recent.append(sample.value)
        if recent.count > Self.shingle { recent.removeFirst() }
        guard recent.count == Self.shingle else { return level.judge(sample.value, score: 0) }
        let displacement = displacement(recent)
        let score = leaves.count == Self.capacity ? unusual.score(log(max(1, displacement))) : 0
        return level.judge(sample.value, score: score)
    }

    private mutating func displacement(_ point: [Double]) -> Double {
        if leaves.count == Self.capacity {
            let oldest = leaves.removeFirst()
            for (index, leaf) in oldest.enumerated() where forest.indices.contains(index) {
                forest[index].remove(leaf)
            }
        }
        let places = forest.indices.map { forest[$0].insert(point) }
        leaves.append(places)
        let sum = zip(forest, places).reduce(0) { $0 + $1.0.displacement($1.1) }
        return sum / Double(max(1, forest.count))
    }
}
