import Model

/// Workloads by namespace, kind and name, with `*` for any text.
package struct TargetPattern: Sendable, Equatable, CustomStringConvertible {
    /// Pattern of the namespace.
    package var namespace: String
    /// Pattern of the kind.
    package var kind: String
    /// Pattern of the name.
    package var name: String

    package init(namespace: String = "*", kind: String = "*", name: String = "*") {
        self.namespace = namespace
        self.kind = kind
        self.name = name
    }

    /// Reads `namespace/kind/name`; `nil` when the text does not have three parts.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.init(namespace: parts[0], kind: parts[1], name: parts[2])
    }

    /// Whether an entity fits.
    package func matches(_ entity: Entity) -> Bool {
        Self.fits(entity.namespace, namespace) && Self.fits(entity.kind, kind) && Self.fits(entity.name, name)
    }

    package var description: String { "\(namespace)/\(kind)/\(name)" }

    /// Whether a text fits a pattern in which `*` stands for any text.
    static func fits(_ text: String, _ pattern: String) -> Bool {
        let text = Array(text.utf8)
        let pattern = Array(pattern.utf8)
        var position = 0
        var index = 0
        var star: (pattern: Int, text: Int)?
        while position < text.count {
            if index < pattern.count, pattern[index] == UInt8(ascii: "*") {
                star = (index, position)
                index += 1
            } else if index < pattern.count, pattern[index] == text[position] {
                index += 1
                position += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                index = last.pattern + 1
                position = last.text + 1
            } else {
                return false
            }
        }
        return pattern[index...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

/// A lowest risk score for some workloads and actions.
package struct TargetFloor: Sendable, Equatable {
    /// Workloads.
    package var pattern: TargetPattern
    /// Labels that the object must have; empty: none.
    package var labels: [String: String]
    /// Actions; empty: all.
    package var actions: Set<ActionType>
    /// Lowest score, in [0,1].
    package var floor: Double

    package init(pattern: TargetPattern, labels: [String: String], actions: Set<ActionType>, floor: Double) {
        self.pattern = pattern
        self.labels = labels
        self.actions = actions
        self.floor = floor
    }

    /// Whether it applies; labels that are not known count as fitting.
    func applies(to target: Entity, labels known: [String: String]?, actions types: Set<ActionType>) -> Bool {
        guard pattern.matches(target), actions.isEmpty || !actions.isDisjoint(with: types) else { return false }
        guard let known else { return true }
        return labels.allSatisfy { known[$0.key] == $0.value }
    }
}
