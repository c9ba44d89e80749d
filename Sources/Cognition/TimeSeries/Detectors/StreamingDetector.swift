/// Scores how unusual the newest sample of a series is, learning what is normal from the samples before it.
///
/// Deterministic and causal: the same sequence gives the same scores, and a state stored through `Codable` goes on as
/// if it had not been interrupted. Scores are alike over detectors: 0.7 stands for 4.5 robust standard deviations of
/// what the detector measures, or for an event as rare.
package protocol StreamingDetector: Sendable, Equatable, Codable {
    /// Name in configurations and explanations.
    static var name: String { get }

    /// Takes in the next sample and scores it.
    ///
    /// Unusable samples score 0 and leave the state as it is. So does everything while there is too little history.
    mutating func update(_ sample: Sample) -> Judgement
}
