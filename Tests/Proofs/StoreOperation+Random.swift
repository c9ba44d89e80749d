import Bus
import TestSupport

extension StoreOperation {
    /// The next operation of a sequence.
    static func random(_ names: Names, _ generator: inout SeededGenerator) -> StoreOperation {
        var draw = Draw(names: names, generator: generator)
        defer { generator = draw.generator }
        return draw.operation()
    }

    private struct Draw {
        let names: Names
        var generator: SeededGenerator

        mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        mutating func one<Element>(_ elements: [Element]) -> Element { elements[pick(0...elements.count - 1)] }

        mutating func proof() -> LeaseProof {
            LeaseProof(key: one(names.leases), owner: "o\(pick(0...1))", token: Int64(pick(1...2)))
        }

        mutating func fields() -> [Field] {
            let count = pick(0...2)
            return (0...count).map { Field("f\($0)", "v\(pick(0...2))") }
        }

        mutating func change() -> Transaction.Change {
            switch pick(0...7) {
            case 0: return .set(key: one(["\(names.prefix)k0", "\(names.prefix)k1"]), fields: fields())
            case 1: return .unset(key: one(["\(names.prefix)k0", "\(names.prefix)k1"]), fields: ["f\(pick(0...2))"])
            case 2: return .increment(key: "\(names.prefix)k0", field: "count", by: Int64(pick(-3...3)))
            case 3: return .append(stream: one(names.streams), fields: fields())
            case 4: return .rank(key: one(names.sets), member: "m\(pick(0...3))", score: Int64(pick(-5...5)))
            case 5: return .unrank(key: one(names.sets), member: "m\(pick(0...3))")
            case 6: return .remove(key: one(["\(names.prefix)k1", names.sets[0]]))
            default: return .set(key: names.plan, fields: plan())
            }
        }

        mutating func plan() -> [Field] {
            [
                Field("state", one(["AWAITING", "APPROVED", "MANUAL", "REJECTED"])),
                Field("expires", "\(pick(5...15))"), Field("quorum", "\(pick(0...2))"), Field("approvals", "0"),
                Field("version", "1"),
            ]
        }

        mutating func transaction() -> Transaction {
            let checks = (0..<pick(0...1)).map { _ in
                Transaction.Check(
                    key: "\(names.prefix)k\(pick(0...1))", field: "f\(pick(0...2))",
                    text: pick(0...1) == 0 ? nil : "v\(pick(0...2))")
            }
            let lease = pick(0...2) == 0 ? proof() : nil
            let operation = pick(0...2) == 0 ? Transaction.Operation(key: names.plan, id: "op\(pick(0...3))") : nil
            let count = pick(0...3)
            return Transaction(
                lease: lease, operation: operation, checks: checks, changes: (0...count).map { _ in change() })
        }

        mutating func append() -> AppendRequest {
            let limits = AppendRequest.Limits(soft: pick(0...3), hard: pick(2...12), bytes: pick(20...400))
            return AppendRequest(
                stream: one(names.streams), marks: "\(names.prefix)marks", producer: "p\(pick(0...1))",
                epoch: Int64(pick(1...2)), previous: pick(0...2) == 0 ? nil : Int64(pick(1...5)),
                sequence: Int64(pick(1...6)), entries: (0..<pick(0...2)).map { _ in fields() },
                readers: pick(0...1) == 0 ? [] : ["r0", "r1"], limits: limits)
        }

        mutating func link() -> AuditAppend {
            let sequence = Int64(pick(1...3))
            return AuditAppend(
                stream: names.streams[2], head: names.head, previousHash: "h\(sequence - 1)", sequence: sequence,
                hash: "h\(sequence)", fields: fields())
        }

        mutating func operation() -> StoreOperation {
            switch pick(0...19) {
            case 0, 1: return .append(append())
            case 2, 3, 4: return .transaction(transaction())
            case 5, 6:
                return .advance(
                    lease: proof(), state: one(names.states), stream: one(names.streams), by: pick(1...3),
                    isRight: pick(0...4) > 0, operation: pick(0...2) == 0 ? "a\(pick(0...3))" : nil)
            case 7: return .snapshot(lease: proof(), state: one(names.states), stream: one(names.streams))
            case 8:
                return .setAside(
                    lease: proof(), state: one(names.states), stream: one(names.streams),
                    deadLetters: "\(names.prefix)dead", skip: pick(0...3) == 0 ? 1 : 0)
            case 9:
                let states = names.states.prefix(pick(0...2)).map { (key: $0, replays: pick(0...2) == 0) }
                return .trim(
                    stream: one(names.streams), states: states, keep: pick(1...4), limit: pick(1...5),
                    sheds: pick(0...3) == 0)
            case 10: return .drop(stream: one(names.streams), place: pick(0...3))
            case 11: return .relay(state: one(names.states), stream: one(names.streams))
            case 12:
                return .popTimers(
                    lease: proof(), timers: one(names.sets), stream: one(names.streams), now: Int64(pick(-5...5)),
                    limit: pick(1...3))
            case 13: return .audit(link())
            case 14, 15:
                return .approve(
                    ApproveRequest(
                        plan: names.plan, queue: names.sets[0], hash: "m0", approver: "a\(pick(0...2))",
                        approves: pick(0...2) > 0, statement: Array("s\(pick(0...1))".utf8), now: Int64(pick(0...12)),
                        decisions: names.streams[1], decision: fields(), audit: link()))
            case 16:
                let expected =
                    pick(0...1) == 0
                    ? nil : LeaseRecord(owner: "o\(pick(0...1))", token: Int64(pick(1...2)), beat: Int64(pick(1...3)))
                return .take(one(names.leases), "o\(pick(0...1))", expected)
            case 17: return pick(0...5) == 0 ? .release(proof()) : .beat(proof())
            default:
                return .read(
                    ReadRequest(
                        lease: proof(), stateKey: one(names.states), stream: one(names.streams), limit: pick(1...5)))
            }
        }
    }
}
