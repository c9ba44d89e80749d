import Foundation
import Kubernetes

/// Label and field selectors.
enum Selectors {
    /// Whether labels fit a selector such as `app=web,tier in (a, b),!canary`.
    static func matches(labels: [String: JSONValue], selector: String) throws(StatusError) -> Bool {
        for term in terms(selector) {
            if term.contains("(") {
                guard let open = term.firstIndex(of: "("), term.hasSuffix(")") else {
                    throw .bad("unable to parse requirement: \(term)")
                }
                let head = term[..<open].split(separator: " ")
                let values = term[term.index(after: open)...].dropLast().split(separator: ",").map { trimmed($0) }
                guard head.count == 2, ["in", "notin"].contains(head[1]) else {
                    throw .bad("unable to parse requirement: \(term)")
                }
                let found = labels[String(head[0])]?.string.map { values.contains($0) } ?? false
                if found != (head[1] == "in") { return false }
            } else if let range = term.range(of: "!=") {
                if labels[trimmed(term[..<range.lowerBound])]?.string == trimmed(term[range.upperBound...]) {
                    return false
                }
            } else if let equals = term.firstIndex(of: "=") {
                let value = term[term.index(after: equals)...].drop { $0 == "=" }
                if labels[trimmed(term[..<equals])]?.string != trimmed(value) { return false }
            } else if term.hasPrefix("!") {
                if labels[trimmed(term.dropFirst())] != nil { return false }
            } else if labels[term] == nil {
                return false
            }
        }
        return true
    }

    /// Whether an object fits a `LabelSelector`.
    static func matches(_ object: JSONValue, labelSelector: JSONValue?) -> Bool {
        let labels = object[path: ["metadata", "labels"]]?.members ?? [:]
        let wanted = labelSelector?["matchLabels"]?.members ?? [:]
        return !wanted.isEmpty && wanted.allSatisfy { labels[$0.key] == $0.value }
    }

    /// Whether an object fits a field selector such as `metadata.name=web`.
    static func matches(fields object: JSONValue, selector: String) throws(StatusError) -> Bool {
        for term in selector.split(separator: ",") {
            let isNegative = term.contains("!=")
            let parts = term.split(separator: "=", omittingEmptySubsequences: true)
            guard let name = parts.first else { throw .bad("invalid field selector: \(selector)") }
            let path = name.split(separator: ".").map { trimmed($0.drop { $0 == "!" }).filter { $0 != "!" } }
            let value = parts.count > 1 ? String(parts[1]) : ""
            if (object[path: path]?.string ?? "" == value) == isNegative { return false }
        }
        return true
    }

    /// Terms between commas that are not within parentheses.
    private static func terms(_ selector: String) -> [String] {
        var terms = [""]
        var depth = 0
        for character in selector {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 { terms.append("") } else { terms[terms.count - 1].append(character) }
        }
        return terms.map { trimmed($0) }.filter { !$0.isEmpty }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
