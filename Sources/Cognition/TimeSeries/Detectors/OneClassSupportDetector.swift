/// How far the newest sample lies outside of the region that holds most of the recent ones: a one-class support vector
/// machine, fitted anew as the window slides.
///
/// Over value, step, and distance from the mean of the eight before, each standardised over the window of 256 samples;
/// nu 0.05, gamma a third; fitted every 128 samples. Warms up for 320 samples. State: at most 22 KiB.
package struct OneClassSupportDetector: StreamingDetector {
    /// Name in configurations and explanations.
    package static let name = "one-class-svm"
    private static let window = 256
    private static let period = 128
    private static let features = 3

    private var recent: [Double] = []
    private var history: [[Double]] = []
    private var centers: [Double] = []
    private var widths: [Double] = []
    private var machine: OneClassSupport?
    private var sinceFitted = 0
    private var unusual = UnusualValue()
    private var level = RecentLevel()

    /// A detector that has seen nothing.
    package init() {}

    /// - Throws: `DecodingError` for points that no series has, and for a machine that does not fit them.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        recent = try container.decode([Double].self, forKey: .recent)
        history = try container.decode([[Double]].self, forKey: .history)
        centers = try container.decode([Double].self, forKey: .centers)
        widths = try container.decode([Double].self, forKey: .widths)
        machine = try container.decodeIfPresent(OneClassSupport.self, forKey: .machine)
        sinceFitted = try container.decode(Int.self, forKey: .sinceFitted)
        unusual = try container.decode(UnusualValue.self, forKey: .unusual)
        level = try container.decode(RecentLevel.self, forKey: .level)
        let features = machine == nil ? centers.count : Self.features
        guard recent.count <= 8, history.count <= Self.window, history.allSatisfy({ $0.count == Self.features }),
            centers.count == features, widths.count == features, widths.allSatisfy({ $0 > 0 }),
            machine?.dimensions ?? Self.features == Self.features
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .history, in: container, debugDescription: "the points and the machine do not belong together")
        }
    }

    /// Takes in the next sample and scores it, in [0,1].
    package mutating func update(_ sample: Sample) -> Judgement {
        guard sample.isUsable else { return .none }
        let score = scored(sample.value)
        return level.judge(sample.value, score: score)
    }

    private mutating func scored(_ value: Double) -> Double {
        defer {
            recent.append(value)
            if recent.count > 8 { recent.removeFirst() }
        }
        guard let last = recent.last else { return 0 }
        let mean = last + recent.reduce(0) { $0 + ($1 - last) } / Double(recent.count)
        let features = [value, value - last, value - mean]
        let score = machine.map { unusual.score(-$0.decision(standardised(features))) } ?? 0
        history.append(features)
        if history.count > Self.window { history.removeFirst() }
        sinceFitted += 1
        if history.count == Self.window, machine == nil || sinceFitted >= Self.period { fit() }
        return score
    }

    private mutating func fit() {
        sinceFitted = 0
        let dimensions = history.first?.count ?? 0
        let columns = (0..<dimensions).map { column in history.map { $0[column] }.sorted() }
        centers = columns.map { Statistics.quantile(sorted: $0, 0.5) }
        widths = zip(columns, centers).map { column, center in
            let scale = Statistics.robustScale(column, around: center)
            return scale > 0 ? scale : max(1e-12, Statistics.trimmedDeviation(sorted: column))
        }
        machine = OneClassSupport(history.map(standardised), nu: 0.05, gamma: 1.0 / 3)
    }

    /// Bounded, so that a distant point is outside by all means and no number overflows.
    private func standardised(_ features: [Double]) -> [Double] {
        features.indices.map { max(-1e3, min(1e3, (features[$0] - centers[$0]) / widths[$0])) }
    }
}
