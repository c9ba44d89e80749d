import Bus
import RedisClient

extension RedisBus {
    /// The call of a function that applies a transaction; see ``Transaction/allKeys``.
    static func command(_ function: String, _ transaction: Transaction, _ keys: [String]) -> RedisCommand {
        var command = command(function, keys: keys)
        command.isIdempotent = transaction.operation != nil
        transaction.write(to: &command, keys)
        return command
    }
}

extension Transaction {
    /// Every key that a function applying the transaction touches: the counters first; empty when there is nothing.
    var allKeys: [String] {
        let keys = keys
        return (keys.first.map { [Keys.counters(beside: $0)] } ?? []) + keys
    }

    /// Appends the flat form that the function `apply` of the library reads; keys by their position from 1, 0 for none.
    fileprivate func write(to command: inout RedisCommand, _ keys: [String]) {
        let positions = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1, $0 + 1) })
        var latest = (key: "", position: 0)
        func append(key: String?) {
            guard let key else { return command.append(0) }
            if key != latest.key { latest = (key, positions[key] ?? 0) }
            command.append(latest.position)
        }

        command.append(lease?.owner ?? "")
        command.append("\(lease?.token ?? 0)")
        append(key: lease?.key)
        append(key: operation?.key)
        command.append(operation?.id ?? "")
        command.append(checks.count)
        for check in checks {
            append(key: check.key)
            command.append(check.field)
            command.append(check.value == nil ? 0 : 1)
            command.append(check.value ?? [])
        }
        command.append(advances.count)
        for advance in advances {
            append(key: advance.stateKey)
            append(key: advance.stream)
            command.append(advance.group)
            command.append(advance.from.description)
            command.append(advance.to.description)
            command.append(advance.entries)
        }
        command.append(changes.count)
        func begin(_ operation: String, _ key: String, count: Int) {
            command.append(operation)
            append(key: key)
            command.append(count)
        }
        func append(_ fields: [Field]) {
            for field in fields {
                command.append(field.name)
                command.append(field.value)
            }
        }
        for change in changes {
            switch change {
            case .set(let key, let fields):
                begin("H", key, count: fields.count * 2)
                append(fields)
            case .unset(let key, let fields):
                begin("D", key, count: fields.count)
                for field in fields { command.append(field) }
            case .increment(let key, let field, let amount):
                begin("I", key, count: 2)
                command.append(field)
                command.append(amount.description)
            case .append(let stream, let fields):
                begin("X", stream, count: fields.count * 2)
                append(fields)
            case .drop(let stream, let id):
                begin("K", stream, count: 1)
                command.append(id.description)
            case .rank(let key, let member, let score):
                begin("Z", key, count: 2)
                command.append(score.description)
                command.append(member)
            case .unrank(let key, let member):
                begin("R", key, count: 1)
                command.append(member)
            case .remove(let key):
                begin("E", key, count: 0)
            }
        }
    }
}
