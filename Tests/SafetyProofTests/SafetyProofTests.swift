import Proofs
import SafetyProofs
import Testing

private func expectHolds(_ result: ProofReport, atLeast runs: Int) {
    #expect(result.runs >= runs, "\(result.name): \(result.runs) runs")
    #expect(result.violations.isEmpty, "\(result.name): \(result.violations.prefix(5).joined(separator: "\n"))")
}

@Suite(.serialized, .timeLimit(.minutes(10))) struct SafetyProofTests {
    @Test func everyCrashPointAppliesEachStepOnceOrParks() async throws {
        expectHolds(try await CrashProof.run(runs: 20, seed: 1, isShort: true), atLeast: 80)
    }

    @Test func everyCrashPointOfADecisionLeavesOneOfEverything() async throws {
        expectHolds(try await DecisionCrashProof.run(seed: 1), atLeast: 200)
    }

    @Test func racesEndAsTheRulesSay() async throws {
        let result = try await RacesProof.short(seed: 1)
        expectHolds(result, atLeast: 300)
        for state in ["APPROVED", "REJECTED", "REVOKED", "EXPIRED", "SUPERSEDED", "SUCCEEDED"] {
            #expect(result.figures["ended \(state)"] ?? 0 > 0, "no race ended \(state)")
        }
    }

    @Test func anExecutorThatWakesUpLateDoesNothing() async throws {
        expectHolds(try await CrashProof.zombies(seed: 1), atLeast: 10)
    }

    @Test func forgedRecordsHaveNoEffect() async throws {
        expectHolds(try await ForgeryProof.run(runs: 300, seed: 1) { _ in }, atLeast: 400)
    }

    @Test func everyCellOfTheAuthorityMatrixIsAsDocumented() async throws {
        let result = try await AuthorityProof.run(seed: 1, isShort: true)
        expectHolds(result, atLeast: 2_000)
        #expect(result.figures["allowed"] ?? 0 > 100)
    }

    @Test func hiddenInstructionsChangeNothingButText() async throws {
        #expect(InjectionProof.corpus.count >= 200)
        expectHolds(try await InjectionProof.run(seed: 1, isShort: true), atLeast: 200)
    }

    @Test func nobodyElsesChangeIsOverwritten() async throws {
        expectHolds(try await AdversaryProof.run(seed: 1, isShort: true), atLeast: 40)
    }

    @Test func realExecutorsThatDieLeaveEachStepDoneOnce() async throws {
        let result = try await ExecutorProcessProof.run(runs: 4, seed: 7) { _ in }
        expectHolds(result, atLeast: 4)
    }

    @Test func realPlannersGatewaysAndApproversThatDieLeaveOneOfEverything() async throws {
        let result = try await DecisionProcessProof.run(runs: 6, seed: 0) { _ in }
        expectHolds(result, atLeast: 6)
    }
}
