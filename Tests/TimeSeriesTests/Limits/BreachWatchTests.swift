import Testing

@testable import TimeSeries

struct BreachConfirmationTests {
    private static let horizon = 6 * 3_600.0
    private var time = monday

    private mutating func look(
        _ confirmation: inout BreachConfirmation, _ probabilities: [Double], isBreached: Bool = false
    ) -> [Bool] {
        probabilities.map { probability in
            time += BreachWatch.interval
            confirmation.update(
                probability: probability, isBreached: isBreached, at: time, horizon: Self.horizon)
            return confirmation.isClaimed
        }
    }

    @Test mutating func claimsNeedCertaintyThatLasts() {
        var confirmation = BreachConfirmation()
        #expect(look(&confirmation, [0.9, 0.84, 0.9]) == [false, false, false])
        #expect(look(&confirmation, [0.9]) == [true])
        // It sways, and stays one claim; two looks below a half end it.
        #expect(look(&confirmation, [0.6, 0.4, 0.9, 0.3, 0.3]) == [true, true, true, true, false])
    }

    @Test mutating func claimsThatDoNotComeTrueMakeTheNextOneDearer() {
        var confirmation = BreachConfirmation()
        var claims = 0
        for _ in 0..<20 {
            let seen = look(&confirmation, Array(repeating: 0.97, count: 12) + Array(repeating: 0, count: 90))
            if seen.contains(true) { claims += 1 }
        }
        // 0.85, 0.9 and 0.95 are reached, 0.99 is not.
        #expect(claims == 3 && confirmation.doubt == 3)
        // What is there already is told at the second look, whatever was wrong before.
        #expect(look(&confirmation, [1, 1], isBreached: true) == [false, true])
    }

    @Test mutating func claimsThatComeTrueMakeItCheaperAgain() {
        var confirmation = BreachConfirmation()
        for _ in 0..<2 {
            _ = look(&confirmation, Array(repeating: 1, count: 12) + Array(repeating: 0, count: 90))
        }
        #expect(confirmation.neededLooks == 6)
        _ = look(&confirmation, Array(repeating: 1, count: 6))
        _ = look(&confirmation, [1, 1], isBreached: true)
        #expect(confirmation.neededLooks == 2 && abs(confirmation.neededProbability - 0.85) < 1e-12)
    }

    @Test mutating func boundsHold() {
        var confirmation = BreachConfirmation()
        for _ in 0..<200 {
            _ = look(&confirmation, Array(repeating: 1, count: 40) + Array(repeating: 0, count: 90))
        }
        #expect(confirmation.neededLooks == 24 && confirmation.neededProbability == 0.99)
        for timestamp in [Int64.min, .max, 0] {
            confirmation.update(probability: .nan, isBreached: false, at: timestamp, horizon: Self.horizon)
        }
    }
}

struct BreachReplayTests {
    private func replay(_ limit: Double, days: Double = 6, _ value: (Int64) -> Double) -> BreachReplay {
        BreachReplay(
            samples(days: days, stepSeconds: 300, value), limit: SeriesLimit(value: limit, source: .declared),
            detector: DetectorConfiguration(consecutive: 1, clearAfter: 1))
    }

    @Test func leaksAreWarnedOfOnceAndInTime() throws {
        var generator = SplitMix64(seed: 1)
        // After four days ten an hour for twenty hours, then a restart.
        let replay = replay(280) { time in
            let hours = Double(time - monday - 4 * day) / 3_600_000
            return 100 + 2 * generator.normal() + ((0..<20).contains(hours) ? 10 * hours : 0)
        }
        #expect(abs(replay.days - 3) < 0.01)
        #expect(replay.breaches.count == 1 && replay.warned == 1)
        #expect(replay.warnings.count == 1 && replay.falseWarnings == 0)
        let lead = try #require(replay.warnings.first?.lead)
        #expect((2 * 3_600...6 * 3_600).contains(lead), "\(lead)")
    }

    @Test func climbsThatAlwaysTurnBackAreBelievedLessAndLess() {
        var generator = SplitMix64(seed: 2)
        // A fall from a height that is drawn anew every time, always below the limit.
        var height = 150.0
        var level = 100.0
        let replay = replay(200, days: 6) { _ in
            level += 0.6
            if level > height {
                level = 100
                height = Double.random(in: 150...190, using: &generator)
            }
            return level + generator.normal()
        }
        #expect(replay.breaches.isEmpty)
        #expect(replay.falseWarnings <= 4, "\(replay.warnings)")
        let middle = monday + 9 * day / 2
        let (early, late) = (
            replay.warnings.count { $0.time < middle }, replay.warnings.count { $0.time >= middle }
        )
        #expect(late <= max(1, early))
    }

    @Test func anyPastHasADefinedAnswer() {
        var generator = SplitMix64(seed: 3)
        let wild = (0..<1_500).map { index in
            Sample(
                timestamp: index % 50 == 7
                    ? Int64.random(in: .min ... .max, using: &generator)
                    : monday
                        + Int64(index) * 300_000, value: badValues.randomElement(using: &generator) ?? 0)
        }
        for limit in [0, 1, .nan, .infinity, -1e308] {
            let replay = BreachReplay(wild, limit: SeriesLimit(value: limit, source: .declared))
            #expect(replay.days.isFinite && replay.warned <= replay.breaches.count)
        }
        #expect(BreachReplay([], limit: SeriesLimit(value: 1, source: .declared)).warnings.isEmpty)
    }
}
