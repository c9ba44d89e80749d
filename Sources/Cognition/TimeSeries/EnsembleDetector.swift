/// Watches one series with the chosen algorithms, combined into one score, with hysteresis.
///
/// The algorithms that compare with the band of the baseline agree by their median: of the standard ones, 3-sigma, MAD
/// and IQR, two have to agree. The streaming ones, among them the ``StreamingEnsemble``, know the series' own past, and
/// the most unusual of all counts. State besides the baseline: at most 48 words, and that of the streaming algorithms,
/// 570 words for the standard ones.
package struct EnsembleDetector: Sendable, Equatable, Codable {
    /// What is normal; may be replaced by a newly learned one at any time, an open anomaly stays open.
    package var baseline: Baseline
    private var configuration: DetectorConfiguration
    private var threeSigma = ThreeSigmaDetector()
    private var mad = MADDetector()
    private var iqr = IQRDetector()
    private var streaming: [StreamingMember]
    private var hysteresis = AnomalyHysteresis()
    private var newest: Int64?

    /// A detector without an open anomaly.
    ///
    /// The streaming ensemble is as history has left it; `nil` stands for one that has seen nothing.
    package init(
        baseline: Baseline, configuration: DetectorConfiguration = .init(), ensemble: StreamingEnsemble? = nil
    ) {
        self.baseline = baseline
        self.configuration = configuration
        streaming = configuration.algorithms.compactMap { algorithm in
            if algorithm == .ensemble, let ensemble { return StreamingMember(ensemble) }
            return StreamingMember(algorithm)
        }
    }

    /// Start of the open anomaly, Unix milliseconds.
    package var openSince: Int64? { hysteresis.openSince }

    /// Score from which samples are unusual.
    package var threshold: Double { configuration.threshold }

    /// Goes on under another configuration: an open anomaly stays open, algorithms that stay keep what they know, and new
    /// ones begin with nothing.
    package mutating func configure(_ new: DetectorConfiguration) {
        guard new != configuration else { return }
        if new.algorithms != configuration.algorithms {
            streaming = new.algorithms.compactMap { algorithm in
                streaming.first { $0.algorithm == algorithm } ?? StreamingMember(algorithm)
            }
        }
        configuration = new
    }

    /// Takes in the next sample.
    ///
    /// An unusable sample, and one that is not newer than the newest, changes nothing and scores 0. The baseline
    /// follows only samples below the threshold, and none while an anomaly is open.
    ///
    /// - Parameters:
    ///   - sample: the next one.
    ///   - watch: the watch over the series' limit, where it has one; its score counts as a member's.
    package mutating func update(_ sample: Sample, watch: BreachWatch? = nil) -> Detection {
        let band = baseline.band(at: sample.timestamp)
        guard sample.isUsable, newest.map({ $0 < sample.timestamp }) ?? true else {
            return Detection(
                score: 0, band: band, value: sample.isUsable ? sample.value : band.expected, relativeDeviation: 0,
                members: [], transition: hysteresis.unchanged)
        }
        newest = sample.timestamp
        let departure = sample.value - band.expected
        let relative = departure / max(abs(band.expected), band.scale)
        let isRelevant = isRelevant(departure, relative)
        var members: [MemberScore] = []
        members.reserveCapacity(configuration.algorithms.count + 1)
        let agreed = scoreBand(sample, band, &members)
        var score = isRelevant ? agreed : 0
        var rarityDays = 0.0
        for index in streaming.indices {
            let algorithm = streaming[index].algorithm
            let judged = streaming[index].score(sample)
            members.append(MemberScore(name: algorithm.rawValue, score: judged.score))
            if isRelevant || algorithm.isAboutShape { score = max(score, judged.score) }
            rarityDays = max(rarityDays, judged.rarityDays)
        }
        if let watch {
            members.append(MemberScore(name: BreachWatch.name, score: watch.score))
            score = max(score, watch.score)
        }
        let transition = hysteresis.update(score: score, at: sample.timestamp, configuration)
        if !hysteresis.isOpen, score < configuration.threshold { baseline.update(sample) }
        return Detection(
            score: score, band: band, value: sample.value, relativeDeviation: max(-1e6, min(1e6, relative)),
            members: members, transition: transition, rarityDays: rarityDays)
    }

    /// Appends the scores of the detectors that look at the band, and gives their median.
    private mutating func scoreBand(_ sample: Sample, _ band: Band, _ members: inout [MemberScore]) -> Double {
        let (time, value) = (sample.timestamp, sample.value)
        var scores = SIMD4<Double>(repeating: 0)
        var count = 0
        for algorithm in configuration.algorithms where algorithm.isBand {
            let score =
                switch algorithm {
                case .threeSigma: threeSigma.update(timestamp: time, value: value, band: band)
                case .mad: mad.update(timestamp: time, value: value, band: band)
                default: iqr.update(timestamp: time, value: value, band: band)
                }
            members.append(MemberScore(name: algorithm.rawValue, score: score))
            scores[count] = score
            count += 1
        }
        switch count {
        case 0: return 0
        case 1: return scores[0]
        case 2: return (scores[0] + scores[1]) / 2
        default: return max(min(scores[0], scores[1]), min(max(scores[0], scores[1]), scores[2]))
        }
    }

    private func isRelevant(_ departure: Double, _ relative: Double) -> Bool {
        switch configuration.direction {
        case .above where departure < 0: return false
        case .below where departure > 0: return false
        case .above, .below, .both: break
        }
        return abs(departure) >= configuration.minimumDeviation
            && abs(relative) >= configuration.minimumRelativeDeviation
    }
}
