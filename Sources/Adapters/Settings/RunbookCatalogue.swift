import Decision
import Foundation
import Model

/// The runbook catalogue: every `*.yaml` of a folder.
package enum RunbookCatalogue {
    /// Reads all files of a folder, by name.
    ///
    /// - Throws: `SettingsError` with file, line, key and the valid values.
    package static func read(folder: String) throws(SettingsError) -> [Runbook] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw SettingsError(location: folder, key: "runbooks_folder", problem: "the folder cannot be read")
        }
        var runbooks: [Runbook] = []
        for name in names.sorted() where name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
            let document = try YAMLDocument(file: "\(folder)/\(name)")
            let runbook = try read(document)
            guard !runbooks.contains(where: { $0.name == runbook.name }) else {
                throw document.root.error("the runbook '\(runbook.name)' is defined twice")
            }
            runbooks.append(runbook)
        }
        return runbooks
    }

    /// Reads one runbook.
    package static func read(_ document: YAMLDocument) throws(SettingsError) -> Runbook {
        let root = document.root
        try root.allow([
            "name", "title", "match", "steps", "rollback", "verification", "reversibility", "blast_radius",
        ])
        let steps = try steps(try root.required("steps"))
        guard !steps.isEmpty else { throw root.error("a runbook needs at least one step") }
        return Runbook(
            name: try root.required("name").string(), title: try template(try root.required("title")),
            match: try match(root["match"]), steps: steps,
            rollback: try root["rollback"].map { value throws(SettingsError) in try Self.steps(value) } ?? [],
            verification: try verification(root["verification"]),
            reversibility: try root.required("reversibility").double(in: 0...1),
            blastRadius: try root.required("blast_radius").double(in: 0...1))
    }

    private static func match(_ value: YAMLDocument.Value?) throws(SettingsError) -> Runbook.Match {
        guard let value else { return .init() }
        try value.allow(["causes", "kinds", "namespaces", "names", "minimum_severity"])
        func set(_ key: String) throws(SettingsError) -> Set<String> { Set(try value[key]?.strings() ?? []) }
        return Runbook.Match(
            causes: try set("causes"), kinds: try set("kinds"), namespaces: try set("namespaces"),
            names: try set("names"), minimumSeverity: try value["minimum_severity"]?.name() ?? .low)
    }

    private static func steps(_ value: YAMLDocument.Value) throws(SettingsError) -> [Runbook.StepTemplate] {
        var steps: [Runbook.StepTemplate] = []
        for step in try value.list() {
            try step.allow(["description", "action", "parameters", "timeout_seconds"])
            let type: ActionType = try step.required("action").name()
            let parameters = try step["parameters"].map { value throws(SettingsError) in try value.texts() } ?? [:]
            let needed = type.requiredParameters
            for name in needed where parameters[name] == nil {
                throw step.error("the parameter '\(name)' of \(type.rawValue) is missing")
            }
            if let known = type.knownParameters,
                let extra = parameters.keys.sorted().first(where: { !known.contains($0) })
            {
                throw step.error(
                    "\(type.rawValue) has no parameter '\(extra)'",
                    valid: known.isEmpty ? "no parameters" : known.sorted().joined(separator: ", "))
            }
            for (_, text) in parameters { try checkPlaceholders(text, step) }
            steps.append(
                Runbook.StepTemplate(
                    description: try template(try step.required("description")), type: type, parameters: parameters,
                    timeoutSeconds: try step["timeout_seconds"]?.int(in: 1...3_600) ?? 60))
        }
        return steps
    }

    private static func verification(
        _ value: YAMLDocument.Value?
    ) throws(SettingsError) -> Runbook.VerificationTemplate {
        guard let value else { return .init() }
        try value.allow(["scrapes", "interval_seconds", "timeout_seconds"])
        let template = Runbook.VerificationTemplate(
            // Fewer good scrapes in a row may be chance; the executor takes no fewer either.
            scrapes: try value["scrapes"]?.int(in: 3...100) ?? 3,
            intervalSeconds: try value["interval_seconds"]?.int(in: 1...600) ?? 15,
            timeoutSeconds: try value["timeout_seconds"]?.int(in: 1...7_200) ?? 300)
        let least = template.scrapes * template.intervalSeconds
        guard template.timeoutSeconds >= least else {
            throw (value["timeout_seconds"] ?? value).error(
                "\(template.timeoutSeconds) s are too short for \(template.scrapes) scrapes every "
                    + "\(template.intervalSeconds) s", valid: "at least \(least)")
        }
        return template
    }

    private static func template(_ value: YAMLDocument.Value) throws(SettingsError) -> String {
        let text = try value.string()
        try checkPlaceholders(text, value)
        return text
    }

    private static func checkPlaceholders(_ text: String, _ value: YAMLDocument.Value) throws(SettingsError) {
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            let name = String(rest[open...close])
            guard Runbook.placeholders.contains(name) else {
                throw value.error(
                    "the placeholder \(name) is unknown", valid: Runbook.placeholders.joined(separator: ", "))
            }
            rest = rest[rest.index(after: close)...]
        }
    }
}

extension ActionType {
    /// Parameters that a step of this type must have.
    var requiredParameters: [String] {
        switch self {
        case .scale: ["replicas"]
        case .rollbackRevision: ["revision"]
        case .rollbackConfig: ["name", "source"]
        case .shiftTraffic: ["route", "name"]
        case .runCommand: ["command"]
        case .restartPod, .rolloutRestart, .cordon, .uncordon, .drain, .openTicket, .notify, .manual: []
        }
    }

    /// Parameters that a step of this type may have; `nil`: any, as its target declares them.
    var knownParameters: Set<String>? {
        switch self {
        case .restartPod: ["pod"]
        case .rolloutRestart: []
        case .scale: ["replicas", "autoscaler"]
        case .rollbackRevision: ["revision"]
        case .rollbackConfig: ["kind", "name", "source"]
        case .shiftTraffic: ["route", "name", "weights", "selector"]
        case .cordon, .uncordon, .drain: ["node"]
        case .runCommand: nil
        case .openTicket, .notify: ["text"]
        case .manual: []
        }
    }
}
