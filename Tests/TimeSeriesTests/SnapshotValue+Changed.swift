@testable import TimeSeries

extension SnapshotValue {
    /// The tree with one of its leaves or lists replaced.
    func changed(_ generator: inout SplitMix64) -> SnapshotValue {
        switch self {
        case .record(var fields) where !fields.isEmpty:
            let index = Int.random(in: fields.indices, using: &generator)
            fields[index].value = fields[index].value.changed(&generator)
            return .record(fields)
        case .list(var values) where !values.isEmpty:
            let index = Int.random(in: values.indices, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: values.remove(at: index)
            case 1: values.append(values[index])
            default: values[index] = values[index].changed(&generator)
            }
            return .list(values)
        case .integer: return .integer([.min, -1, 0, 1, 7, 5_000, .max].randomElement(using: &generator) ?? 0)
        case .number: return .number(badValues.randomElement(using: &generator) ?? 0)
        case .bool(let value): return .bool(!value)
        default: return .null
        }
    }
}
