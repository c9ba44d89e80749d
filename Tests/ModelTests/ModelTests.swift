import Model
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00Z"), (1_770_388_222_000, "2026-02-06T14:30:22Z"),
        (951_782_400_000, "2000-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
        (4_102_444_799_999, "2099-12-31T23:59:59Z"),
    ])
    func rendersRFC3339(milliseconds: Int64, text: String) {
        #expect("\(Timestamp(milliseconds: milliseconds))" == text)
    }

    @Test func compactIsTheBeginningOfAPlanID() {
        #expect(Timestamp(milliseconds: 1_770_388_222_000).compact == "20260206143022")
    }

    @Test func arithmeticSaturates() {
        let far = Timestamp(milliseconds: .max)
        #expect(far.milliseconds(since: Timestamp(milliseconds: .min)) == .max)
        #expect(far.advanced(bySeconds: .infinity) == far)
        #expect(Timestamp(milliseconds: 0).advanced(bySeconds: 1e300).rawValue > 0)
    }
}

@Suite struct RiskBandTests {
    @Test(arguments: [
        (0.0, RiskBand.auto), (0.5999, .auto), (0.6, .semiAuto), (0.7999, .semiAuto), (0.8, .manual), (1, .manual),
        (1.01, .manual), (-0.01, .manual), (.nan, .manual), (.infinity, .manual),
    ])
    func bandsAreHalfOpen(score: Double, band: RiskBand) { #expect(RiskBand(score: score) == band) }
}

@Suite struct PlanStateTests {
    @Test func terminalStatesAbsorb() {
        let terminal = Set(PlanState.allCases.filter(\.isTerminal))
        #expect(
            terminal == [
                .succeeded, .rolledBack, .failed, .needsHuman, .rejected, .revoked, .shadow, .expired, .superseded,
                .stale,
            ])
    }

    @Test func nothingRunsWithoutBeingReady() {
        for state in PlanState.allCases where state.successors.contains(.running) { #expect(state.isReady) }
    }

    @Test func everyStateIsReachable() {
        var reached: Set<PlanState> = [.awaiting, .autoReady, .manual, .shadow]
        while true {
            let next = reached.union(reached.flatMap(\.successors))
            if next == reached { break }
            reached = next
        }
        #expect(reached == Set(PlanState.allCases))
    }
}

@Suite struct HashTests {
    @Test(arguments: [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foobar", "mzxw6ytboi")])
    func base32FollowsRFC4648(text: String, encoded: String) { #expect(Base32.encode(text.utf8) == encoded) }

    @Test func separatorsKeepPartsApart() {
        var first = StableHash()
        first.combine("ab")
        first.combine("c")
        var second = StableHash()
        second.combine("a")
        second.combine("bc")
        #expect(first.value != second.value)
        #expect(first.base32.count == 13)
    }

    @Test func seriesHaveOneSpelling() {
        let series = SeriesID(metric: "up", labels: ["b": "2", "a": "say \"hi\"\n"])
        #expect("\(series)" == #"up{a="say \"hi\"\n",b="2"}"#)
    }
}

@Suite struct VerificationTests {
    @Test func missingSidesAreOpenAndNaNIsNeverGood() {
        let verification = Verification(
            series: SeriesID(metric: "m"), lower: nil, upper: 10, scrapes: 1, intervalSeconds: 1, timeoutSeconds: 1)
        #expect(verification.accepts(-1e9))
        #expect(verification.accepts(10))
        #expect(!verification.accepts(10.001))
        #expect(!verification.accepts(.nan))
        #expect(!verification.accepts(-.infinity))
    }
}
