import Bus
import RedisClient

/// Answer of a function: a word and what follows it.
struct Reply {
    let function: String
    let word: String
    let rest: ArraySlice<RESPValue>

    init(_ value: RESPValue, function: String) throws(BusError) {
        guard let elements = value.array, let word = elements.first?.string else {
            throw BusError(.corrupt, "\(function): unexpected reply \(value)")
        }
        self.function = function
        self.word = word
        self.rest = elements.dropFirst()
    }

    var unexpected: BusError { BusError(.corrupt, "\(function): unexpected reply \(word)") }

    func text(_ index: Int) throws(BusError) -> String {
        guard rest.startIndex + index < rest.endIndex, let text = rest[rest.startIndex + index].string else {
            throw unexpected
        }
        return text
    }

    /// Reads the answer of `apply` and its like.
    func commitResult() throws(BusError) -> CommitResult {
        switch word {
        case "OK": .committed(try entryIDs())
        case "REPEATED": .repeated
        case "FENCED": .fenced
        case "CONFLICT": .conflict(key: try text(0), field: try text(1))
        default: throw unexpected
        }
    }

    func entryIDs(from index: Int = 0) throws(BusError) -> [EntryID] {
        var ids: [EntryID] = []
        for value in rest.dropFirst(index) {
            guard let id = value.bytes.flatMap(EntryID.init(utf8:)) else { throw unexpected }
            ids.append(id)
        }
        return ids
    }

    func record(from index: Int) throws(BusError) -> LeaseRecord {
        guard let token = Int64(try text(index + 1)), let beat = Int64(try text(index + 2)) else { throw unexpected }
        return LeaseRecord(owner: try text(index), token: token, beat: beat)
    }
}

extension StreamEntry {
    /// Reads `[id, [name, value, ...]]`.
    init(_ value: RESPValue) throws(BusError) {
        guard let pair = value.array, pair.count == 2, let id = pair[0].bytes.flatMap(EntryID.init(utf8:)),
            let flat = pair[1].array
        else { throw BusError(.corrupt, "unexpected stream entry \(value)") }
        var fields: [Field] = []
        fields.reserveCapacity(flat.count / 2)
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            guard let name = flat[index].string, let bytes = flat[index + 1].bytes else {
                throw BusError(.corrupt, "unexpected field in stream entry \(id)")
            }
            fields.append(Field(name, bytes))
        }
        self.init(id: id, fields: fields)
    }

    /// Reads a list of entries, as the replies to `XRANGE` and `XREADGROUP` hold it; `[]` for anything but an array.
    ///
    /// - Throws: `BusError` with the code `corrupt` for an element that is no entry.
    package static func list(_ value: RESPValue) throws(BusError) -> [StreamEntry] {
        let elements = value.array ?? []
        var entries: [StreamEntry] = []
        entries.reserveCapacity(elements.count)
        for element in elements { entries.append(try StreamEntry(element)) }
        return entries
    }
}
