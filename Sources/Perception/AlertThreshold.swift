/// The limit that an alerting rule sets for a metric of the metrics map: pure.
///
/// Rules of the form `expression > number` and its kin (`>=`, `<`, `<=`, and the number first) are understood where the
/// expression is the metric's query, but for white space, outer parentheses and a factor of 100 between a ratio and a
/// percentage, or the same selector with further `label="value"` matchers. Everything else says nothing about a metric of
/// ours.
package struct AlertThreshold: Sendable, Equatable {
    /// In the unit of the metric.
    package var value: Double
    /// Whether values above it are bad.
    package var isUpper: Bool
    /// Labels that a series must carry for the rule to be about it.
    package var labels: [String: String]
    /// The rule in words.
    package var reason: String

    package init(value: Double, isUpper: Bool, labels: [String: String] = [:], reason: String = "") {
        self.value = value
        self.isUpper = isUpper
        self.labels = labels
        self.reason = reason
    }

    /// What a rule says about a query; `nil` for nothing.
    package init?(_ rule: AlertRule, query: String) {
        guard let comparison = PromQLComparison(rule.query) else { return nil }
        let ours = PromQLText.normalized(query)
        var value = comparison.number
        var labels: [String: String] = [:]
        if comparison.expression == ours {
            // The same as it is.
        } else if PromQLText.stripped("100*", from: ours) == comparison.expression {
            value *= 100
        } else if PromQLText.stripped("100*", from: comparison.expression) == ours {
            value /= 100
        } else if let further = PromQLText.furtherMatchers(of: comparison.expression, than: ours) {
            labels = further
        } else {
            return nil
        }
        guard value.isFinite else { return nil }
        let duration = rule.seconds > 0 ? " for \(Int(min(1e9, rule.seconds))) s" : ""
        self.init(
            value: value, isUpper: comparison.isUpper, labels: labels,
            reason: "alert \(rule.name) fires \(comparison.isUpper ? "above" : "below") it\(duration)")
    }
}

/// `expression > number`, with the expression normalized.
struct PromQLComparison: Equatable {
    var expression: String
    var number: Double
    var isUpper: Bool

    /// `nil` for anything but one comparison of an expression with a number at the top level.
    init?(_ query: String) {
        let text = Array(PromQLText.normalized(query))
        var depth = 0
        var quote: Character?
        var found: (range: Range<Int>, isUpper: Bool)?
        var index = 0
        while index < text.count {
            let character = text[index]
            if let open = quote {
                if character == "\\" { index += 1 } else if character == open { quote = nil }
            } else if "\"'`".contains(character) {
                quote = character
            } else if "([{".contains(character) {
                depth += 1
            } else if ")]}".contains(character) {
                depth -= 1
            } else if depth == 0, "<>".contains(character) {
                guard found == nil else { return nil }
                let isEqual = index + 1 < text.count && text[index + 1] == "="
                found = (index..<index + (isEqual ? 2 : 1), character == ">")
                index += isEqual ? 1 : 0
            } else if depth == 0, "=!".contains(character) {
                return nil
            }
            index += 1
        }
        guard depth == 0, quote == nil, let found else { return nil }
        let left = PromQLText.normalized(String(text[..<found.range.lowerBound]))
        var right = PromQLText.normalized(String(text[found.range.upperBound...]))
        if right.hasPrefix("bool") { right = PromQLText.normalized(String(right.dropFirst(4))) }
        // 'and', 'or' and 'unless' bind weaker than a comparison: then there is no number on either side.
        if let number = Double(right), Double(left) == nil, !left.isEmpty {
            self.init(expression: left, number: number, isUpper: found.isUpper)
        } else if let number = Double(left), Double(right) == nil, !right.isEmpty {
            self.init(expression: right, number: number, isUpper: !found.isUpper)
        } else {
            return nil
        }
    }

    init(expression: String, number: Double, isUpper: Bool) {
        self.expression = expression
        self.number = number
        self.isUpper = isUpper
    }
}

/// Text of PromQL as far as it can be compared without knowing its meaning.
enum PromQLText {
    /// Without comments, white space outside of quotes where it separates nothing, and parentheses around the whole.
    static func normalized(_ query: String) -> String {
        var result: [Character] = []
        var quote: Character?
        var isSpaced = false
        var isComment = false
        var isEscaped = false
        for character in query {
            if isComment {
                isComment = !character.isNewline
                continue
            }
            if let open = quote {
                result.append(character)
                if isEscaped {
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == open {
                    quote = nil
                }
                continue
            }
            if character == "#" {
                isComment = true
            } else if character.isWhitespace {
                isSpaced = true
            } else {
                // Between two words a space is needed: 'a and b'.
                if isSpaced, let last = result.last, isWord(last), isWord(character) { result.append(" ") }
                isSpaced = false
                if "\"'`".contains(character) { quote = character }
                result.append(character)
            }
        }
        while let inner = unwrapped(result) { result = inner }
        return String(result)
    }

    private static func isWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_" || character == ":" || character == "."
    }

    /// The text between parentheses that enclose all of it.
    private static func unwrapped(_ text: [Character]) -> [Character]? {
        guard text.first == "(", text.last == ")" else { return nil }
        var depth = 0
        var quote: Character?
        var isEscaped = false
        for (index, character) in text.enumerated() {
            if let open = quote {
                if isEscaped {
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == open {
                    quote = nil
                }
            } else if "\"'`".contains(character) {
                quote = character
            } else if character == "(" {
                depth += 1
            } else if character == ")" {
                depth -= 1
                if depth == 0, index < text.count - 1 { return nil }
            }
        }
        return depth == 0 ? Array(text.dropFirst().dropLast()) : nil
    }

    /// The rest after a factor at the front, without its parentheses; `nil` where the text does not begin with it.
    static func stripped(_ factor: String, from text: String) -> String? {
        text.hasPrefix(factor) ? normalized(String(text.dropFirst(factor.count))) : nil
    }

    /// Matchers that a selector has and another one of the same metric has not; `nil` where they differ in anything else.
    static func furtherMatchers(of text: String, than other: String) -> [String: String]? {
        guard let one = selector(text), let two = selector(other), one.name == two.name,
            two.matchers.allSatisfy(one.matchers.contains)
        else { return nil }
        var labels: [String: String] = [:]
        for matcher in one.matchers where !two.matchers.contains(matcher) {
            let parts = matcher.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let value = parts.last, value.count >= 2, value.first == "\"", value.last == "\"",
                let name = parts.first, name.allSatisfy(isWord), !value.dropFirst().dropLast().contains("\\")
            else { return nil }
            labels[String(name)] = String(value.dropFirst().dropLast())
        }
        return labels
    }

    private static func selector(_ text: String) -> (name: String, matchers: [String])? {
        let name = text.prefix { $0 != "{" }
        guard !name.isEmpty, name.allSatisfy({ isWord($0) && $0 != "." }), name.first?.isNumber == false else {
            return nil
        }
        guard name.count < text.count else { return (String(name), []) }
        guard text.last == "}" else { return nil }
        let inside = text.dropFirst(name.count + 1).dropLast()
        guard !inside.contains("{"), !inside.contains("}") else { return nil }
        var matchers: [String] = [""]
        var isQuoted = false
        for character in inside {
            if character == "\"" { isQuoted.toggle() }
            if character == ",", !isQuoted {
                matchers.append("")
            } else {
                matchers[matchers.count - 1].append(character)
            }
        }
        return (String(name), matchers.filter { !$0.isEmpty })
    }
}
