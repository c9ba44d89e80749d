import Proofs
import Testing

/// The proofs of the substrate in their short form.
@Suite(.timeLimit(.minutes(5))) struct SubstrateProofTests {
    @Test func modelAndRedisAgree() async throws {
        let report = try await DifferentialProof.run(runs: 300, seed: 1) { _ in }
        #expect(report.violations.isEmpty, "\(report.violations.first ?? "")")
        #expect(report.figures["operations"] == 18_000.0)
    }
}
