/// What an installation's database knows of itself.
///
/// A database that comes back empty while processes live was lost: whoever notices it first marks the installation as
/// recovering. Collection and analysis go on and fill it again; nothing is carried out until a person has looked.
package struct InstallationRecord: Sendable, Equatable {
    /// Whether things are carried out.
    package enum State: String, Sendable {
        case active = "ACTIVE"
        case recovering = "RECOVERING"
    }

    /// Unique id, made with the record.
    package var id: String
    /// Whether things are carried out.
    package var state: State
    /// Since when, Unix milliseconds.
    package var since: Int64
    /// Why it is recovering; empty when it is not.
    package var reason: String

    package init(id: String, state: State, since: Int64, reason: String = "") {
        self.id = id
        self.state = state
        self.since = since
        self.reason = reason
    }

    private init?(_ fields: [String: [UInt8]]) {
        func text(_ name: String) -> String? { fields[name].map { String(decoding: $0, as: UTF8.self) } }
        guard let id = text("id"), let state = text("state").flatMap(State.init(rawValue:)),
            let since = text("since").flatMap({ Int64($0) })
        else { return nil }
        self.init(id: id, state: state, since: since, reason: text("reason") ?? "")
    }

    private var fields: [Field] {
        [Field("id", id), Field("state", state.rawValue), Field("since", "\(since)"), Field("reason", reason)]
    }

    /// Reads the record, making a new one where there is none.
    ///
    /// - Parameters:
    ///   - store: where the record is.
    ///   - keys: names the record.
    ///   - isLost: why a missing record means that the database was lost; `nil` when it may simply be new.
    ///   - id: id for a new record.
    ///   - now: Unix milliseconds.
    package static func join(
        _ store: some BusStore, _ keys: Keys, isLost: String?, id: String, now: Int64
    ) async throws(BusError) -> InstallationRecord {
        while true {
            let stored = try await store.fields(keys.installation)
            if let record = InstallationRecord(stored) { return record }
            let record = InstallationRecord(
                id: id, state: isLost == nil ? .active : .recovering, since: now, reason: isLost ?? "")
            let made = try await store.transition(
                Transaction(
                    operation: .init(key: keys.installation, id: id),
                    checks: [.init(key: keys.installation, field: "id", value: stored["id"])],
                    changes: [.set(key: keys.installation, fields: record.fields)]))
            if case .conflict = made { continue }
            return record
        }
    }

    /// Ends the recovery of this very record.
    ///
    /// - Returns: `false` when the record changed meanwhile.
    package func end(in store: some BusStore, _ keys: Keys, now: Int64) async throws(BusError) -> Bool {
        let active = InstallationRecord(id: id, state: .active, since: now)
        let result = try await store.transition(
            Transaction(
                operation: .init(key: keys.installation, id: "\(id) \(now)"),
                checks: [
                    .init(key: keys.installation, field: "id", text: id),
                    .init(key: keys.installation, field: "since", text: "\(since)"),
                ], changes: [.set(key: keys.installation, fields: active.fields)]))
        if case .conflict = result { return false }
        return true
    }
}
