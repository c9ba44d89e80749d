import Bus
import Model

/// The switch that stops all changes at once, in the store.
///
/// Somebody who can write to the store can only ever stop changes with it: a change needs its signatures all the same.
package struct FreezeSwitch: Sendable {
    /// Who stopped all changes, and why.
    package struct Freeze: Sendable, Equatable {
        /// Person or program.
        package var by: String
        package var reason: String
        package var since: Timestamp

        package init(by: String, reason: String, since: Timestamp) {
            self.by = by
            self.reason = reason
            self.since = since
        }
    }

    private let store: any BusStore
    private let key: String

    package init(store: any BusStore, keys: Keys) {
        self.store = store
        self.key = keys.global("freeze")
    }

    /// The freeze in force; `nil` when there is none.
    package func current() async throws -> Freeze? {
        let fields = try await store.fields(key).mapValues { String(decoding: $0, as: UTF8.self) }
        guard !fields.isEmpty else { return nil }
        return Freeze(
            by: fields["by"] ?? "somebody", reason: fields["reason"] ?? "",
            since: Timestamp(milliseconds: fields["since"].flatMap { Int64($0) } ?? 0))
    }

    /// Stops all changes.
    package func freeze(_ freeze: Freeze) async throws {
        let fields = [
            Field("by", freeze.by), Field("reason", freeze.reason), Field("since", "\(freeze.since.rawValue)"),
        ]
        _ = try await store.transition(Transaction(changes: [.set(key: key, fields: fields)]))
    }

    /// Allows changes again.
    ///
    /// - Returns: whether there was a freeze.
    package func unfreeze() async throws -> Bool {
        guard try await current() != nil else { return false }
        _ = try await store.transition(Transaction(changes: [.remove(key: key)]))
        return true
    }

    /// As a brake: a freeze stops, and so does a store that cannot be asked.
    package var brake: Brake {
        {
            do {
                guard let freeze = try await current() else { return nil }
                return "all changes are frozen by \(freeze.by)\(freeze.reason.isEmpty ? "" : ": \(freeze.reason)")"
            } catch {
                return "the freeze switch cannot be read: \(error)"
            }
        }
    }
}
