import Model
import Remediation
import Subprocess
import SystemPackage

/// Carries out `command.run` on this host.
package struct CommandTarget: ActionTarget {
    private let commands: @Sendable () -> [CommandDefinition]

    /// - Parameter commands: the allow-list in force; anything else is refused.
    package init(commands: @escaping @Sendable () -> [CommandDefinition]) { self.commands = commands }

    package var types: Set<ActionType> { [.runCommand] }

    package func prepare(_ request: ActionRequest) async -> Preparation {
        do {
            let argv = try resolve(request).argv
            return .ready("would run \(argv.joined(separator: " "))")
        } catch {
            return .refused(error.reason)
        }
    }

    package func perform(_ request: ActionRequest, brake: @escaping Brake) async -> ActionResult {
        let argv: [String]
        do {
            argv = try resolve(request).argv
        } catch {
            return .refused(error.reason)
        }
        if let reason = await brake() { return .refused(reason) }
        switch await run(argv, request) {
        case .notStarted(let reason): return .refused("\(argv[0]) could not be started: \(reason)")
        case .exited(let code, let text) where code == 0:
            return .applied(AppliedChange(text.isEmpty ? "\(argv[0]) succeeded" : text))
        case .exited(let code, let text):
            return await settle(request, "\(argv[0]) ended with \(code)\(text.isEmpty ? "" : ": \(text)")")
        case .unanswered(let reason): return await settle(request, "\(argv[0]): \(reason)")
        }
    }

    package func inspect(_ request: ActionRequest) async -> Inspection {
        do {
            guard let probe = try resolve(request).probe else {
                return .unclear("the command '\(request.action.parameters["command"] ?? "")' has no probe")
            }
            switch await run(probe, request) {
            case .exited(0, let text):
                return .applied(AppliedChange(text.isEmpty ? "the probe found it carried out" : text))
            case .exited(1, _): return .untouched
            case .exited(let code, let text): return .unclear("the probe ended with \(code): \(text)")
            case .notStarted(let reason), .unanswered(let reason): return .unclear("the probe failed: \(reason)")
            }
        } catch {
            return .unclear(error.reason)
        }
    }

    /// A failed command may have had its effect; only the probe can tell.
    private func settle(_ request: ActionRequest, _ reason: String) async -> ActionResult {
        switch await inspect(request) {
        case .applied(let change): .adopted(AppliedChange("\(reason), but \(change.detail)"))
        case .untouched: .refused(reason)
        case .unclear(let why): .unknown("\(reason); \(why)")
        }
    }

    private func resolve(_ request: ActionRequest) throws(CommandRefused) -> (argv: [String], probe: [String]?) {
        let name = request.action.parameters["command"] ?? ""
        guard let command = commands().last(where: { $0.name == name }) else {
            throw CommandRefused("the command '\(name)' is not on the allow-list")
        }
        guard command.namespaces.contains(request.target.namespace) else {
            throw CommandRefused("the command '\(name)' is not allowed in the namespace \(request.target.namespace)")
        }
        func fill(_ template: [String]) throws(CommandRefused) -> [String] {
            try command.fill(template, values: request.action.parameters, operationID: request.operationID)
        }
        return (try fill(command.argv), try command.probe.map { probe throws(CommandRefused) in try fill(probe) })
    }

    private enum Ending: Sendable {
        case notStarted(String)
        case exited(Int, String)
        case unanswered(String)
    }

    private func run(_ argv: [String], _ request: ActionRequest) async -> Ending {
        let environment: [Environment.Key: String] = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "SRE_OPERATION_ID": request.operationID, "SRE_PLAN_ID": request.planID,
        ]
        return await withTaskGroup(of: Ending.self) { group in
            group.addTask {
                do {
                    let result = try await Subprocess.run(
                        .path(.init(argv[0])), arguments: .init(Array(argv.dropFirst())),
                        environment: .custom(environment),
                        output: .string(limit: 4_096), error: .combinedWithOutput)
                    let text = result.standardOutput.split(whereSeparator: \.isNewline).suffix(3)
                        .joined(separator: " | ")
                    switch result.terminationStatus {
                    case .exited(let code): return .exited(Int(code), text)
                    case .signaled(let signal): return .unanswered("killed by signal \(signal)")
                    }
                } catch let error as SubprocessError where error.code == .spawnFailed {
                    return .notStarted("\(error)")
                } catch {
                    return .unanswered("\(error)")
                }
            }
            group.addTask {
                try? await ContinuousClock().sleep(for: .seconds(request.timeoutSeconds))
                return .unanswered("no end within \(request.timeoutSeconds) s")
            }
            let first = await group.next() ?? .unanswered("cancelled")
            group.cancelAll()
            return first
        }
    }
}
