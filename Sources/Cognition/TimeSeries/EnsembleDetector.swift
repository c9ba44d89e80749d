/// Watches one series: 3-sigma, MAD and IQR against its baseline, combined into one score, with hysteresis.
///
/// The combined score is the median of the three: two detectors have to agree. State besides the baseline: at most 48
/// words (400 bytes).
package struct EnsembleDetector: Sendable, Equatable, Codable {
    /// What is normal; may be replaced by a newly learned one at any time, an open anomaly stays open.
    package var baseline: Baseline
    private let configuration: DetectorConfiguration
    private var threeSigma = ThreeSigmaDetector()
    private var mad = MADDetector()
    private var iqr = IQRDetector()
    private var hysteresis = AnomalyHysteresis()
    private var newest: Int64?

    /// A detector without an open anomaly.
    package init(baseline: Baseline, configuration: DetectorConfiguration = .init()) {
        self.baseline = baseline
        self.configuration = configuration
    }

    /// Start of the open anomaly, Unix milliseconds.
    package var openSince: Int64? { hysteresis.openSince }

    /// Takes in the next sample.
    ///
    /// An unusable sample, and one that is not newer than the newest, changes nothing and scores 0. The baseline
    /// follows only samples below the threshold, and none while an anomaly is open.
    package mutating func update(_ sample: Sample) -> Detection {
        let band = baseline.band(at: sample.timestamp)
        guard sample.isUsable, newest.map({ $0 < sample.timestamp }) ?? true else {
            return Detection(
                score: 0, band: band, value: sample.isUsable ? sample.value : band.expected, relativeDeviation: 0,
                members: [], transition: hysteresis.unchanged)
        }
        newest = sample.timestamp
        let (time, value) = (sample.timestamp, sample.value)
        let members = [
            MemberScore(
                name: ThreeSigmaDetector.name,
                score: threeSigma.update(timestamp: time, value: value, band: band)),
            MemberScore(name: MADDetector.name, score: mad.update(timestamp: time, value: value, band: band)),
            MemberScore(name: IQRDetector.name, score: iqr.update(timestamp: time, value: value, band: band)),
        ]
        let departure = value - band.expected
        let relative = departure / max(abs(band.expected), band.scale)
        let score = isRelevant(departure, relative) ? Statistics.median(members.map(\.score)) : 0
        let transition = hysteresis.update(score: score, at: time, configuration)
        if !hysteresis.isOpen, score < configuration.threshold { baseline.update(sample) }
        return Detection(
            score: score, band: band, value: value, relativeDeviation: max(-1e6, min(1e6, relative)),
            members: members, transition: transition)
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
