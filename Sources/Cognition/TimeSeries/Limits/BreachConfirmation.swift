/// What it takes until a breach that is forecast is claimed: certainty that lasts, and more of both after claims that did
/// not come true.
///
/// A claim needs two looks in a row with a probability of 0.85; each claim of the series that no breach followed within
/// the horizon adds two looks and 0.05, at most 24 looks and 0.99, and one that came true takes two of these steps
/// back. It is withdrawn after two looks in a row with a probability below 0.5, so that a forecast that sways is one
/// claim. A limit that is reached already is claimed at the second look, whatever was claimed before. State: 8 words.
struct BreachConfirmation: Sendable, Equatable, Codable {
    private static let looks = 2
    private static let mostLooks = looks * (1 + mostDoubt)
    private static let probability = 0.85
    private static let mostProbability = 0.99
    private static let step = 0.05
    private static let withdrawal = 0.5
    private static let mostDoubt = 11

    /// Looks in a row that would claim, that see the limit reached, and that would withdraw.
    private var sure = 0
    private var breached = 0
    private var unsure = 0
    /// Claims of late that did not come true, as steps.
    private(set) var doubt = 0
    /// Time of the first claim that neither came true nor has had its time, Unix milliseconds.
    private var pending: Int64?
    /// Whether a breach is claimed.
    private(set) var isClaimed = false

    /// Looks that a claim needs now.
    var neededLooks: Int { Self.looks * (1 + min(Self.mostDoubt, max(0, doubt))) }
    /// Probability that each of them needs.
    var neededProbability: Double { min(Self.mostProbability, Self.probability + Self.step * Double(doubt)) }

    /// Takes in the next look.
    ///
    /// - Parameters:
    ///   - probability: of a breach within the horizon, in [0,1].
    ///   - isBreached: whether the limit is reached already.
    ///   - timestamp: Unix milliseconds.
    ///   - horizon: seconds.
    mutating func update(probability: Double, isBreached: Bool, at timestamp: Int64, horizon: Double) {
        judge(isBreached, timestamp, horizon)
        sure = probability >= neededProbability ? min(Self.mostLooks - 1, sure) + 1 : 0
        breached = isBreached ? min(Self.looks - 1, breached) + 1 : 0
        unsure = probability < Self.withdrawal ? min(Self.looks - 1, unsure) + 1 : 0
        if isClaimed {
            isClaimed = unsure < Self.looks
        } else if breached >= Self.looks {
            isClaimed = true
        } else if sure >= neededLooks {
            isClaimed = true
            if !isBreached, pending == nil { pending = timestamp }
        }
    }

    /// What has become of the claim that waits.
    private mutating func judge(_ isBreached: Bool, _ timestamp: Int64, _ horizon: Double) {
        guard let claimed = pending else { return }
        if isBreached {
            doubt = max(2, doubt) - 2
            pending = nil
        } else if Double(timestamp) - Double(claimed) > horizon * 1_000 {
            doubt = min(Self.mostDoubt - 1, doubt) + 1
            pending = nil
        }
    }
}
