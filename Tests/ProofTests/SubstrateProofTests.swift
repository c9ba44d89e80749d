import Proofs
import Testing

/// The proofs of the substrate in their short form; the full one is `make prove`.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SubstrateProofTests {
    private func prove<Kind: Proof>(_: Kind.Type, runs: Int, reaching figures: [String]) async throws {
        let report = try await Kind.run(runs: runs, seed: 1) { _ in }
        #expect(report.violations.isEmpty, "\(report.text)")
        // A green run that never reached what it is about proves nothing.
        for figure in figures { #expect((report.figures[figure] ?? 0) > 0, "\(figure): \(report.text)") }
    }

    @Test func modelAndRedisAgree() async throws {
        try await prove(DifferentialProof.self, runs: 400, reaching: ["operations"])
    }

    @Test func everyPrefixOfTheAppendOnlyFileIsConsistent() async throws {
        try await prove(AOFProof.self, runs: 40, reaching: ["steps found after the cuts", "kills with always"])
    }

    @Test func killedAndStoppedWorkersFoldEachEntryOnce() async throws {
        try await prove(
            ProcessesProof.self, runs: 4, reaching: ["takeovers", "workers killed", "connections cut", "Redis killed"])
    }

    @Test func nothingAcknowledgedIsLostBehindSentinel() async throws {
        try await prove(SentinelProof.self, runs: 2, reaching: ["transitions acknowledged", "entries appended"])
    }

    @Test func nothingAcknowledgedIsLostInACluster() async throws {
        try await prove(ClusterProof.self, runs: 1, reaching: ["slots moved", "masters killed"])
    }

    @Test func everySeededBugIsFound() async throws {
        try await prove(SeededBugsProof.self, runs: 200, reaching: ["bugs found", "takeovers"])
    }

    @Test func decodersSurviveAnyBytes() async throws {
        try await prove(FuzzProof.self, runs: 2_000, reaching: ["mutated replies refused", "mutated entries read"])
    }
}

/// The judge of histories finds what is wrong with bad ones.
@Suite struct HistoryCheckerTests {
    private func outputs(_ numbers: [Int64]) -> [HistoryChecker.Output] {
        var sum: Int64 = 0
        return numbers.enumerated().map { index, number in
            sum += number
            return .init(number: number, count: Int64(index) + 1, sum: sum, token: 1, owner: "a")
        }
    }

    @Test func aGoodHistoryIsGood() {
        #expect(HistoryChecker.violations(inputs: [1, 2, 3], outputs: outputs([1, 2, 3])).isEmpty)
    }

    @Test(arguments: [[1, 3], [1, 2, 2, 3], [1, 3, 2], [1, 2, 3, 4], [], [2, 3]] as [[Int64]])
    func badHistoriesAreFound(numbers: [Int64]) {
        #expect(!HistoryChecker.violations(inputs: [1, 2, 3], outputs: outputs(numbers)).isEmpty)
    }

    @Test func wrongSumsAndTokensAreFound() {
        var wrong = outputs([1, 2, 3])
        wrong[1].sum = 4
        #expect(!HistoryChecker.violations(inputs: [1, 2, 3], outputs: wrong).isEmpty)
        var backwards = outputs([1, 2, 3])
        backwards[0].token = 2
        #expect(!HistoryChecker.violations(inputs: [1, 2, 3], outputs: backwards).isEmpty)
        var shared = outputs([1, 2, 3])
        shared[2].owner = "b"
        #expect(!HistoryChecker.violations(inputs: [1, 2, 3], outputs: shared).isEmpty)
    }
}
