/// Encodes values into trees.
struct SnapshotEncoder: Encoder {
    /// A place in the tree that is written to.
    private final class Box {
        var value = SnapshotValue.null
        /// Children of a list or a record that are not final yet.
        var list: [Box]?
        var record: [(name: String, box: Box)]?

        var tree: SnapshotValue {
            if let list { return .list(list.map(\.tree)) }
            if let record { return .record(record.map { ($0.name, $0.box.tree) }) }
            return value
        }
    }

    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    private let box: Box

    static func tree(of value: some Encodable, path: [any CodingKey]) throws -> SnapshotValue {
        let box = Box()
        try encode(value, into: box, path)
        return box.tree
    }

    private static func encode(_ value: some Encodable, into box: Box, _ path: [any CodingKey]) throws {
        guard path.count < SnapshotValue.deepest else {
            throw EncodingError.invalidValue(value, .init(codingPath: path, debugDescription: "nested too deeply"))
        }
        // The arrays that make up most of a state, without a container for each.
        switch value {
        case let numbers as [Double]: box.value = .list(numbers.map { .number($0) })
        case let numbers as [Int64]: box.value = .list(numbers.map { .integer($0) })
        default: try value.encode(to: SnapshotEncoder(codingPath: path, box: box))
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if box.record == nil { box.record = [] }
        return KeyedEncodingContainer(Record<Key>(box: box, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if box.list == nil { box.list = [] }
        return List(box: box, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { Single(box: box, codingPath: codingPath) }

    private struct Record<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let box: Box
        let codingPath: [any CodingKey]

        private func child(_ key: Key) -> Box {
            let child = Box()
            box.record?.append((key.stringValue, child))
            return child
        }

        mutating func encodeNil(forKey key: Key) throws { _ = child(key) }
        mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
            try SnapshotEncoder.encode(value, into: child(key), codingPath + [key])
        }
        mutating func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) -> KeyedEncodingContainer<Nested> {
            SnapshotEncoder(codingPath: codingPath + [key], box: child(key)).container(keyedBy: type)
        }
        mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            SnapshotEncoder(codingPath: codingPath + [key], box: child(key)).unkeyedContainer()
        }
        mutating func superEncoder() -> any Encoder { SnapshotEncoder(codingPath: codingPath, box: Box()) }
        mutating func superEncoder(forKey key: Key) -> any Encoder {
            SnapshotEncoder(codingPath: codingPath + [key], box: child(key))
        }
    }

    private struct List: UnkeyedEncodingContainer {
        let box: Box
        let codingPath: [any CodingKey]
        var count: Int { box.list?.count ?? 0 }

        private func child() -> Box {
            let child = Box()
            box.list?.append(child)
            return child
        }

        mutating func encodeNil() throws { _ = child() }
        mutating func encode<Value: Encodable>(_ value: Value) throws {
            try SnapshotEncoder.encode(value, into: child(), codingPath)
        }
        mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
            SnapshotEncoder(codingPath: codingPath, box: child()).container(keyedBy: type)
        }
        mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
            SnapshotEncoder(codingPath: codingPath, box: child()).unkeyedContainer()
        }
        mutating func superEncoder() -> any Encoder { SnapshotEncoder(codingPath: codingPath, box: child()) }
    }

    private struct Single: SingleValueEncodingContainer {
        let box: Box
        let codingPath: [any CodingKey]

        mutating func encodeNil() throws { box.value = .null }
        mutating func encode(_ value: Bool) throws { box.value = .bool(value) }
        mutating func encode(_ value: String) throws { box.value = .text(value) }
        mutating func encode(_ value: Double) throws { box.value = .number(value) }
        mutating func encode(_ value: Float) throws { box.value = .number(Double(value)) }
        mutating func encode<Value: Encodable>(_ value: Value) throws {
            switch value {
            case let number as any UnsignedInteger & FixedWidthInteger: box.value = .unsigned(UInt64(number))
            case let number as any SignedInteger & FixedWidthInteger: box.value = .integer(Int64(number))
            default: try SnapshotEncoder.encode(value, into: box, codingPath)
            }
        }
        mutating func encode(_ value: Int) throws { box.value = .integer(Int64(value)) }
        mutating func encode(_ value: Int8) throws { box.value = .integer(Int64(value)) }
        mutating func encode(_ value: Int16) throws { box.value = .integer(Int64(value)) }
        mutating func encode(_ value: Int32) throws { box.value = .integer(Int64(value)) }
        mutating func encode(_ value: Int64) throws { box.value = .integer(value) }
        mutating func encode(_ value: UInt) throws { box.value = .unsigned(UInt64(value)) }
        mutating func encode(_ value: UInt8) throws { box.value = .unsigned(UInt64(value)) }
        mutating func encode(_ value: UInt16) throws { box.value = .unsigned(UInt64(value)) }
        mutating func encode(_ value: UInt32) throws { box.value = .unsigned(UInt64(value)) }
        mutating func encode(_ value: UInt64) throws { box.value = .unsigned(value) }
    }
}
