import ArgumentParser
import Bus
import Foundation
import Kubernetes
import Model
import RedisBus
import Remediation
import Runtime
import Settings
import Signatures
import WireFormat

/// Looks after the audit chain.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Check and export the audit chains.",
        subcommands: [VerifyCommand.self, ExportCommand.self])

    /// Checks the audit chain of every partition.
    struct VerifyCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Check every audit chain and name the first break of each.",
            discussion: """
                Without --export the chains in Redis are checked, and their heads. With checkpoints and the auditor's \
                public key, truncation and a rewritten history show too, up to the last checkpoint. With --export nothing \
                but the files is needed. Losses that the auditor has signed, such as those of a failover, are named and \
                are no break.
                """)

        @OptionGroup var options: BusOptions

        @Option(help: "File that 'audit export' wrote, instead of the streams in Redis.")
        var export: String?

        @OptionGroup var checkpointing: CheckpointOptions

        @Option(
            help: """
                File with the claims on executed plans ('-': standard input), to hold against the chains: what 'kubectl \
                get leases -n sre-agent -l sre-agent.io/claim=true -o json' prints.
                """)
        var claims: String?

        @Option(help: "Name of the cluster; default: that of the configuration.")
        var cluster: String?

        func run() async throws {
            let checked: CheckpointOptions.Checked
            do {
                checked = try checkpointing.read(
                    cluster: try cluster ?? settings().cluster, keyFile: try settings().audit.keyFile)
            } catch let fault as CheckpointFault {
                throw AgentFailure(fault.description)
            }
            let checkpoints = checked.checkpoints ?? [:]
            let chains = if let export { try fromFile(export) } else { try await fromRedis() }
            var total = 0
            var broken = 0
            var lost = 0
            for partition in Set(chains.keys).union(checkpoints.keys).sorted() {
                let chain = chains[partition] ?? Chain(entries: [], head: nil)
                total += chain.entries.count
                let findings = checked.verifier.examine(
                    chain.entries, head: chain.head, checkpoints: checkpoints[partition] ?? [])
                for loss in findings.losses { print("partition \(partition): \(loss)") }
                lost += findings.losses.count
                guard let problem = findings.firstBreak else { continue }
                broken += 1
                print("partition \(partition): \(Terminal.safe(problem.description))")
            }
            let claimed = try await heldAgainstClaims(chains)
            for problem in claimed?.breaks ?? [] { print("claims: \(Terminal.safe(problem.description))") }
            guard broken == 0, claimed?.breaks.isEmpty ?? true else { throw ExitCode(1) }
            let vouched = checkpoints.values.reduce(0) { $0 + $1.count }
            let losses = lost == 0 ? "" : ", \(lost) recorded loss\(lost == 1 ? "" : "es")"
            print(
                "ok: \(total) entries in \(chains.count) partitions, \(vouched) checkpoints\(losses)"
                    + (claimed.map { ", \($0.count) claims" } ?? ""))
        }

        private func heldAgainstClaims(
            _ chains: [Int: Chain]
        ) async throws -> (count: Int, breaks: [AuditBreak])? {
            guard let claims else { return nil }
            let data =
                claims == "-"
                ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: claims)
            guard let data else { throw AgentFailure("\(claims) cannot be read") }
            let known: [Claim]
            do {
                known = try KubernetesClaims.claims(inList: data)
            } catch {
                throw AgentFailure("\(claims == "-" ? "standard input" : claims): \(error)")
            }
            // What cannot be decoded was named with its chain.
            let entries = chains.sorted { $0.key < $1.key }.flatMap { $0.value.entries }.compactMap { stored in
                try? Envelope(stored).decode() as AuditEntry
            }
            return (known.count, ClaimAudit(known, now: ProcessContext.now()).breaks(entries))
        }

        private struct Chain: Sendable {
            var entries: [StreamEntry]
            var head: String?
        }

        private func settings() throws -> Settings {
            do {
                return try Settings(file: options.config)
            } catch {
                throw AgentFailure("\(error)")
            }
        }

        private func fromFile(_ file: String) throws -> [Int: Chain] {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                throw AgentFailure("\(file) cannot be read")
            }
            var chains: [Int: Chain] = [:]
            do {
                for (stream, entry) in try StreamExport.decode(text, file: file) {
                    guard
                        let partition = Partition.all(count: 1_024).first(where: { stream.contains("\($0.tag):audit") })
                    else { throw AgentFailure("\(file): '\(stream)' is not an audit stream") }
                    chains[partition.rawValue, default: Chain(entries: [], head: nil)].entries.append(entry)
                }
            } catch let error as ExportError {
                throw AgentFailure(error.description)
            }
            return chains
        }

        private func fromRedis() async throws -> [Int: Chain] {
            try await options.use { bus in
                var chains: [Int: Chain] = [:]
                for partition in Partition.all(count: bus.partitions) {
                    let head = try await bus.store.fields(bus.keys.auditHead(partition))["hash"]
                        .map { String(decoding: $0, as: UTF8.self) }
                    chains[partition.rawValue] = Chain(
                        entries: try await bus.allEntries(bus.keys.stream(.audit, partition)), head: head)
                }
                return chains
            }
        }
    }

    /// Writes all chains into a file.
    struct ExportCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export", abstract: "Write all audit chains as lines of JSON, for 'audit verify --export'.")

        @OptionGroup var options: BusOptions

        @Option(help: "File to write; default: standard output.")
        var out: String?

        func run() async throws {
            let lines = try await options.use { bus in
                var lines: [String] = []
                for partition in Partition.all(count: bus.partitions) {
                    let stream = bus.keys.stream(.audit, partition)
                    for entry in try await bus.allEntries(stream) {
                        lines.append(try StreamExport.encode(entry, of: stream))
                    }
                }
                return lines
            }
            let text = lines.map { "\($0)\n" }.joined()
            guard let out else { return print(text, terminator: "") }
            try text.write(toFile: out, atomically: true, encoding: .utf8)
            FileHandle.standardError.write(Data("\(out): \(lines.count) entries\n".utf8))
        }
    }
}
