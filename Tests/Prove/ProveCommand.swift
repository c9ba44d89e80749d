import ArgumentParser
import Foundation
import Proofs

/// Runs a proof in its full form, prints its figures and writes them to a file.
@main
struct ProveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-prove", abstract: "Runs a proof, prints its figures and writes them as JSON.",
        discussion: "Proofs: " + proofs.map { $0.name }.joined(separator: ", "))

    static let proofs: [any Proof.Type] = [DifferentialProof.self]

    @Argument(help: "Name of the proof.")
    var name: String

    @Option(help: "Number of runs; default: the full form of the proof.")
    var runs: Int?

    @Option(help: "Seed of the first run.")
    var seed: UInt64 = 1

    @Option(help: "Folder for NAME.json.")
    var out = ".build/prove"

    func validate() throws {
        guard Self.proofs.contains(where: { $0.name == name }) else {
            throw ValidationError(
                "unknown proof '\(name)'; valid: \(Self.proofs.map { $0.name }.joined(separator: ", "))")
        }
        if let runs, runs < 1 { throw ValidationError("--runs must be at least 1") }
    }

    func run() async throws {
        guard let proof = Self.proofs.first(where: { $0.name == name }) else { return }
        let begun = ContinuousClock.now
        var report = try await proof.run(runs: runs ?? proof.fullRuns, seed: seed) { print("  \($0)") }
        report.figures["seconds"] = (begun.duration(to: .now) / .milliseconds(1)).rounded() / 1_000
        print(report.text)
        try report.write(to: out)
        if !report.violations.isEmpty { throw ExitCode(1) }
    }
}
