/// Judges what workers made of a stream: each entry exactly once, in order, and added up right.
package struct HistoryChecker: Sendable {
    /// One output of a worker.
    package struct Output: Sendable, Equatable {
        /// The entry it was made for.
        package var number: Int64
        /// Entries so far.
        package var count: Int64
        /// Their sum so far.
        package var sum: Int64
        /// Fencing token under which it was committed.
        package var token: Int64
        /// Who committed it.
        package var owner: String

        package init(number: Int64, count: Int64, sum: Int64, token: Int64, owner: String) {
            self.number = number
            self.count = count
            self.sum = sum
            self.token = token
            self.owner = owner
        }
    }

    /// What does not hold: lost, doubled, reordered, wrongly added up, or committed out of turn.
    package static func violations(inputs: [Int64], outputs: [Output]) -> [String] {
        var violations: [String] = []
        var seen: Set<Int64> = []
        for output in outputs where !seen.insert(output.number).inserted {
            violations.append("\(output.number) doubled")
        }
        let lost = Set(inputs).subtracting(seen).sorted()
        if !lost.isEmpty { violations.append("\(lost.count) lost, the first is \(lost[0])") }
        let invented = seen.subtracting(inputs).sorted()
        if !invented.isEmpty { violations.append("\(invented.count) never written, the first is \(invented[0])") }
        let place = Dictionary(inputs.enumerated().map { ($1, $0) }) { first, _ in first }
        for (before, after) in zip(outputs, outputs.dropFirst())
        where (place[before.number] ?? 0) > (place[after.number] ?? 0) {
            violations.append("\(after.number) after \(before.number): reordered")
        }
        var sum: Int64 = 0
        for (index, output) in outputs.enumerated() {
            sum += output.number
            if output.count != Int64(index) + 1 || output.sum != sum {
                violations.append("\(output.number): count \(output.count) and sum \(output.sum) are not those so far")
                break
            }
        }
        var owners: [Int64: String] = [:]
        var newest: Int64 = 0
        for output in outputs {
            if output.token < newest { violations.append("token \(output.token) after token \(newest)") }
            newest = max(newest, output.token)
            if owners[output.token, default: output.owner] != output.owner {
                violations.append("token \(output.token) had two owners")
            }
            owners[output.token] = output.owner
        }
        return violations
    }
}
