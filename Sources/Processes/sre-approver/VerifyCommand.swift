import ArgumentParser
import Bus
import Foundation
import Runtime
import Settings

/// Checks hash, planner, statements and audit of a plan.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check the bytes, every signature and the audit chain of a plan.",
        discussion: """
            Statements are judged at the time at which they were valid, under the policy file of this configuration. With \
            --save everything is written to a file, and with --file it is checked without Redis.

            A chain that somebody rewrote as a whole only shows against signed checkpoints that were kept elsewhere: in the \
            log of sre-analyzer, in audit.checkpoint_file, or in the cluster:
              kubectl -n sre-agent get configmap sre-agent-audit-checkpoints \
            -o go-template='{{range .data}}{{println .}}{{end}}' > checkpoints
            """)

    @OptionGroup var options: DeskOptions

    @Option(help: "Write everything to this file instead of checking it.")
    var save: String?

    @Option(help: "Check this file instead of Redis.")
    var file: String?

    @OptionGroup var checkpointing: CheckpointOptions

    @Argument(help: "Id of the plan, or its beginning; not with --file.")
    var plan: String?

    func validate() throws {
        guard (file == nil) != (plan == nil) else { throw ValidationError("give either a plan or --file") }
    }

    func run() async throws {
        if let file {
            guard let data = FileManager.default.contents(atPath: file),
                let bundle = try? JSONDecoder().decode(PlanBundle.self, from: data)
            else { throw Failure("\(file) is not a file that --save wrote") }
            let configuration: LoadedConfiguration
            do {
                configuration = try LoadedConfiguration(file: options.config)
            } catch {
                throw Failure("\(error)", code: ProcessRunner.badConfiguration)
            }
            return try check(bundle, configuration)
        }
        let plan = plan ?? ""
        let save = save
        let command = self
        try await Desk.with(options) { desk in
            let bundle = try await desk.bundle(plan)
            guard let save else { return try command.check(bundle, desk.configuration) }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(bundle).write(to: URL(fileURLWithPath: save))
            print("wrote \(save)")
        }
    }

    private func check(_ bundle: PlanBundle, _ configuration: LoadedConfiguration) throws {
        let checked: CheckpointOptions.Checked
        do {
            checked = try checkpointing.read(
                cluster: configuration.settings.cluster, keyFile: configuration.settings.audit.keyFile)
        } catch let fault as CheckpointFault {
            throw Failure(fault.description)
        }
        try PlanCheck(bundle, configuration, checked).run()
    }
}
