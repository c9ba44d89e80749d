/// A streaming detector of any kind as a part of a series' state.
///
/// Stored as the name of the algorithm and the detector's own state.
struct StreamingMember: Sendable, Equatable, Codable {
    /// Days that the ensemble must have seen before it counts beside a baseline.
    private static let leastDays = 3.0

    let algorithm: Algorithm
    /// Apart from the others, so that it is updated in its place and not copied.
    private var ensemble: StreamingEnsemble?
    private var other: (any StreamingDetector)?

    /// - Returns: `nil` for an algorithm that needs a band.
    init?(_ algorithm: Algorithm) {
        guard let detector = algorithm.streaming else { return nil }
        self.init(algorithm, detector)
    }

    private init(_ algorithm: Algorithm, _ detector: any StreamingDetector) {
        self.algorithm = algorithm
        ensemble = detector as? StreamingEnsemble
        other = ensemble == nil ? detector : nil
    }

    /// The default ensemble as history has left it.
    init(_ ensemble: StreamingEnsemble) { self.init(.ensemble, ensemble) }

    /// The score of the next sample, in [0,1]; of the ensemble, that of its evidence: a person is told by the hysteresis
    /// of the series and not by the ensemble's own policy.
    mutating func score(_ sample: Sample) -> (score: Double, rarityDays: Double) {
        if let reading = ensemble?.read(sample) {
            // What it has never seen in less time may well be normal.
            guard reading.ageDays >= Self.leastDays else { return (0, 0) }
            return (reading.strength, reading.rarityDays)
        }
        return (other?.update(sample).score ?? 0, 0)
    }

    static func == (one: StreamingMember, other: StreamingMember) -> Bool {
        func isSame<D: StreamingDetector>(_ detector: D) -> Bool { (other.other as? D) == detector }
        return one.algorithm == other.algorithm && one.ensemble == other.ensemble
            && (one.other.map { isSame($0) } ?? (other.other == nil))
    }

    private enum CodingKeys: String, CodingKey {
        case algorithm, state
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let algorithm = try container.decode(Algorithm.self, forKey: .algorithm)
        guard let fresh = algorithm.streaming else {
            throw DecodingError.dataCorruptedError(
                forKey: .algorithm, in: container, debugDescription: "\(algorithm.rawValue) has no state of its own")
        }
        func decoded<D: StreamingDetector>(_ fresh: D) throws -> any StreamingDetector {
            try container.decode(D.self, forKey: .state)
        }
        self.init(algorithm, try decoded(fresh))
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(algorithm, forKey: .algorithm)
        if let ensemble { try container.encode(ensemble, forKey: .state) }
        if let other { try container.encode(other, forKey: .state) }
    }
}
