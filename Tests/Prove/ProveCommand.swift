import ArgumentParser
import Foundation
import Proofs
import SafetyProofs

/// Runs proofs.
@main
struct ProveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sre-prove", abstract: "Runs a proof, prints its figures and writes them as JSON.",
        subcommands: [RunCommand.self, WorkerCommand.self], defaultSubcommand: RunCommand.self)

    static let proofs: [any Proof.Type] = [
        DifferentialProof.self, AOFProof.self, ProcessesProof.self, SentinelProof.self, ClusterProof.self,
        SeededBugsProof.self, FuzzProof.self,
        CrashPointsProof.self, ForgeryProof.self, AuthorityProof.self, InjectionProof.self, AdversaryProof.self,
        RacesProof.self, ExecutorProcessProof.self, ApprovalBenchmark.self,
    ]
}

/// Runs a proof in its full form, prints its figures and writes them to a file.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a proof, print its figures and write them as JSON.",
        discussion: "Proofs: " + ProveCommand.proofs.map { $0.name }.joined(separator: ", "))

    @Argument(help: "Name of the proof.")
    var name: String

    @Option(help: "Number of runs; default: the full form of the proof.")
    var runs: Int?

    @Option(help: "Seed of the first run.")
    var seed: UInt64 = 1

    @Option(help: "Folder for NAME.json.")
    var out = ".build/prove"

    func validate() throws {
        guard ProveCommand.proofs.contains(where: { $0.name == name }) else {
            throw ValidationError(
                "unknown proof '\(name)'; valid: \(ProveCommand.proofs.map { $0.name }.joined(separator: ", "))")
        }
        if let runs, runs < 1 { throw ValidationError("--runs must be at least 1") }
    }

    func run() async throws {
        guard let proof = ProveCommand.proofs.first(where: { $0.name == name }) else { return }
        let begun = ContinuousClock.now
        var report = try await proof.run(runs: runs ?? proof.fullRuns, seed: seed) { line in
            FileHandle.standardError.write(Data("  \(line)\n".utf8))
        }
        report.figures["seconds"] = (begun.duration(to: .now) / .milliseconds(1)).rounded() / 1_000
        print(report.text)
        try report.write(to: out)
        if !report.violations.isEmpty { throw ExitCode(1) }
    }
}

/// Adds up numbers until it is killed; started by the proof of processes.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Works on partitions until it is killed.", shouldDisplay: false)

    @Option(help: "URL of Redis.")
    var redis: String

    @Option(help: "Name in leases.")
    var name: String

    @Option(help: "Number of partitions.")
    var partitions: Int

    func run() async throws {
        FileHandle.standardOutput.write(Data("working\n".utf8))
        try await AdderWorker.run(redis: redis, name: name, partitions: partitions)
    }
}
