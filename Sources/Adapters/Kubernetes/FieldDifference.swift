import Model

/// What differs between two states of an object, outside metadata and status.
enum FieldDifference {
    /// Longest value that is shown whole, in characters.
    private static let longest = 200

    /// Changes in the order of their paths; the values of a Secret are never shown.
    static func between(_ before: KubernetesObject, _ after: KubernetesObject, step: Int) -> [FieldChange] {
        var changes: [FieldChange] = []
        let isSecret = after.value["kind"]?.string == "Secret" || before.value["kind"]?.string == "Secret"
        func walk(_ old: JSONValue?, _ new: JSONValue?, _ path: String) {
            guard old != new else { return }
            if case .object(let left)? = old, case .object(let right)? = new {
                for key in Set(left.keys).union(right.keys).sorted() {
                    walk(left[key], right[key], path.isEmpty ? key : "\(path).\(key)")
                }
            } else if case .array(let left)? = old, case .array(let right)? = new, left.count == right.count {
                for index in left.indices { walk(left[index], right[index], "\(path)[\(index)]") }
            } else {
                changes.append(
                    FieldChange(step: step, path: path, before: show(old, isSecret), after: show(new, isSecret)))
            }
        }
        func bare(_ object: KubernetesObject) -> JSONValue {
            var value = object.value
            for field in ["metadata", "status"] { value[field] = nil }
            return value
        }
        walk(bare(before), bare(after), "")
        return changes
    }

    private static func show(_ value: JSONValue?, _ isSecret: Bool) -> String {
        guard let value else { return "" }
        if isSecret { return "\"(secret)\"" }
        let text = value.text
        return text.count > longest ? text.prefix(longest) + "…" : text
    }
}

extension FieldChange {
    /// `path before → after`.
    var readable: String { "\(path) \(before.isEmpty ? "(none)" : before) → \(after.isEmpty ? "(none)" : after)" }
}
