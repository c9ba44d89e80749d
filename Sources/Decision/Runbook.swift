import Model

/// One way to repair one kind of trouble.
package struct Runbook: Sendable, Equatable {
    /// What an incident must look like.
    package struct Match: Sendable, Equatable {
        /// Causes of the first suspect; empty matches all.
        package var causes: Set<String>
        /// Kinds of workload; empty matches all.
        package var kinds: Set<String>
        /// Namespaces; empty matches all.
        package var namespaces: Set<String>
        /// Names of workloads; empty matches all.
        package var names: Set<String>
        /// Least severity.
        package var minimumSeverity: Severity

        package init(
            causes: Set<String> = [], kinds: Set<String> = [], namespaces: Set<String> = [], names: Set<String> = [],
            minimumSeverity: Severity = .low
        ) {
            self.causes = causes
            self.kinds = kinds
            self.namespaces = namespaces
            self.names = names
            self.minimumSeverity = minimumSeverity
        }

        func accepts(_ suspect: Suspect, severity: Severity) -> Bool {
            (causes.isEmpty || causes.contains(suspect.cause))
                && (kinds.isEmpty || kinds.contains(suspect.entity.kind))
                && (namespaces.isEmpty || namespaces.contains(suspect.entity.namespace))
                && (names.isEmpty || names.contains(suspect.entity.name)) && severity >= minimumSeverity
        }

        /// Number of conditions; the most specific runbook wins.
        var specificity: Int { [causes, kinds, namespaces, names].count { !$0.isEmpty } }
    }

    /// A step before the names of the target are filled in.
    package struct StepTemplate: Sendable, Equatable {
        /// One line for a person; may hold placeholders.
        package var description: String
        /// What is done.
        package var type: ActionType
        /// Parameters; values may hold placeholders.
        package var parameters: [String: String]
        /// Seconds until the step counts as failed.
        package var timeoutSeconds: Int

        package init(description: String, type: ActionType, parameters: [String: String], timeoutSeconds: Int) {
            self.description = description
            self.type = type
            self.parameters = parameters
            self.timeoutSeconds = timeoutSeconds
        }
    }

    /// How the repair is verified.
    package struct VerificationTemplate: Sendable, Equatable {
        /// Consecutive good scrapes; default 3.
        package var scrapes: Int
        /// Seconds between two scrapes; default 15.
        package var intervalSeconds: Int
        /// Seconds until verification fails; default 300.
        package var timeoutSeconds: Int

        package init(scrapes: Int = 3, intervalSeconds: Int = 15, timeoutSeconds: Int = 300) {
            self.scrapes = scrapes
            self.intervalSeconds = intervalSeconds
            self.timeoutSeconds = timeoutSeconds
        }
    }

    /// Placeholders that templates may hold, filled from the target's typed fields.
    package static let placeholders = ["{cluster}", "{namespace}", "{kind}", "{name}", "{incident}"]

    /// Name, unique in the catalogue.
    package var name: String
    /// One line for a person; may hold placeholders.
    package var title: String
    /// What it is for.
    package var match: Match
    /// Steps in order.
    package var steps: [StepTemplate]
    /// Steps that undo the plan when verification fails.
    package var rollback: [StepTemplate]
    /// How the repair is verified.
    package var verification: VerificationTemplate
    /// In [0,1]: 1 when the plan can be undone completely.
    package var reversibility: Double
    /// In [0,1]: share of the workload's replicas that the plan touches at once.
    package var blastRadius: Double

    package init(
        name: String, title: String, match: Match, steps: [StepTemplate], rollback: [StepTemplate] = [],
        verification: VerificationTemplate = .init(), reversibility: Double, blastRadius: Double
    ) {
        self.name = name
        self.title = title
        self.match = match
        self.steps = steps
        self.rollback = rollback
        self.verification = verification
        self.reversibility = reversibility
        self.blastRadius = blastRadius
    }
}
