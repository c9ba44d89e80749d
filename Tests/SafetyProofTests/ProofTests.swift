import Foundation
import SafetyProofs
import Testing

private let manifests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("deploy/kubernetes").path

private func expectHolds(_ result: ProofResult, atLeast runs: Int) {
    #expect(result.runs >= runs, "\(result.name): \(result.runs) runs")
    #expect(result.violations.isEmpty, "\(result.name): \(result.violations.prefix(5).joined(separator: "\n"))")
}

@Suite(.serialized, .timeLimit(.minutes(10))) struct ProofTests {
    @Test func everyCrashPointAppliesEachStepOnceOrParks() async throws {
        expectHolds(try await CrashProof.run(manifests: manifests, runs: 20, seed: 1, isShort: true), atLeast: 80)
    }

    @Test func anExecutorThatWakesUpLateDoesNothing() async throws {
        expectHolds(try await CrashProof.zombies(manifests: manifests, seed: 1), atLeast: 10)
    }

    @Test func forgedRecordsHaveNoEffect() async throws {
        expectHolds(try await ForgeryProof.run(manifests: manifests, runs: 300, seed: 1), atLeast: 400)
    }

    @Test func everyCellOfTheAuthorityMatrixIsAsDocumented() async throws {
        let result = try await AuthorityProof.run(manifests: manifests, seed: 1, isShort: true)
        expectHolds(result, atLeast: 2_000)
        #expect(result.figures["allowed"] ?? 0 > 100)
    }

    @Test func hiddenInstructionsChangeNothingButText() async throws {
        #expect(InjectionProof.corpus.count >= 200)
        expectHolds(try await InjectionProof.run(manifests: manifests, seed: 1), atLeast: 200)
    }

    @Test func nobodyElsesChangeIsOverwritten() async throws {
        expectHolds(try await AdversaryProof.run(manifests: manifests, seed: 1, isShort: true), atLeast: 40)
    }
}
