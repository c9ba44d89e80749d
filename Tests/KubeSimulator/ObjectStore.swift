import Kubernetes

/// The objects of a cluster with one growing resource version, as etcd keeps them.
struct ObjectStore: Sendable {
    /// A change, for watches.
    struct Event: Sendable {
        var version: Int
        var kind: String
        var key: ObjectKey
        var object: JSONValue
    }

    /// Changes that are kept for watches; older ones are compacted.
    static let historyLimit = 2_000

    private(set) var objects: [ObjectKey: JSONValue] = [:]
    private var keys: [ResourceType: Set<ObjectKey>] = [:]
    /// Objects by the uid of an owner.
    private var owned: [String: Set<ObjectKey>] = [:]
    /// Version of the newest change to something that a controller looks at.
    private(set) var workloadVersion = 1
    private(set) var history: [Event] = []
    private(set) var version = 1
    /// Changes at or before this version are no longer known.
    private(set) var compacted = 0
    private var created = 0

    /// A unique id that is the same in every run.
    private mutating func newUID() -> String {
        created += 1
        let digits = String(created, radix: 16)
        return "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    }

    /// Stores a new object.
    @discardableResult
    mutating func create(_ object: JSONValue, at key: ObjectKey, time: String) -> JSONValue {
        var object = object
        var metadata = object["metadata"] ?? [:]
        version += 1
        metadata["name"] = .string(key.name)
        if key.type.isNamespaced { metadata["namespace"] = .string(key.namespace) }
        metadata["uid"] = .string(newUID())
        metadata["resourceVersion"] = .string("\(version)")
        metadata["creationTimestamp"] = .string(time)
        if key.type.hasGeneration { metadata["generation"] = 1 }
        object["metadata"] = metadata
        put(object, key, "ADDED")
        return object
    }

    /// Stores the next state of an object; without effect when nothing differs.
    ///
    /// - Parameter countsGeneration: a change outside metadata and status raises the generation.
    @discardableResult
    mutating func update(_ object: JSONValue, at key: ObjectKey, countsGeneration: Bool) -> JSONValue {
        guard let before = objects[key] else { return object }
        var object = object
        var metadata = object["metadata"] ?? [:]
        let old = before["metadata"] ?? [:]
        for field in ["uid", "creationTimestamp", "name", "namespace", "generation", "resourceVersion"] {
            metadata[field] = old[field]
        }
        object["metadata"] = metadata
        guard object != before else { return before }
        if countsGeneration, key.type.hasGeneration, Self.specification(object) != Self.specification(before) {
            metadata["generation"] = .integer(Int64((old["generation"]?.integer ?? 1) + 1))
        }
        version += 1
        metadata["resourceVersion"] = .string("\(version)")
        object["metadata"] = metadata
        put(object, key, "MODIFIED")
        return object
    }

    /// Everything but metadata and status.
    static func specification(_ object: JSONValue) -> JSONValue {
        var rest = object
        rest["metadata"] = nil
        rest["status"] = nil
        return rest
    }

    /// Removes an object.
    mutating func remove(_ key: ObjectKey) {
        guard var object = objects.removeValue(forKey: key) else { return }
        version += 1
        keys[key.type]?.remove(key)
        for owner in Self.owners(object) { owned[owner]?.remove(key) }
        object[path: ["metadata", "resourceVersion"]] = .string("\(version)")
        record(Event(version: version, kind: "DELETED", key: key, object: object))
    }

    private mutating func put(_ object: JSONValue, _ key: ObjectKey, _ kind: String) {
        let before = objects.updateValue(object, forKey: key)
        keys[key.type, default: []].insert(key)
        for owner in before.map(Self.owners) ?? [] { owned[owner]?.remove(key) }
        for owner in Self.owners(object) { owned[owner, default: []].insert(key) }
        record(Event(version: version, kind: kind, key: key, object: object))
    }

    private static func owners(_ object: JSONValue) -> [String] {
        object[path: ["metadata", "ownerReferences"]]?.elements.compactMap { $0["uid"]?.string } ?? []
    }

    private mutating func record(_ event: Event) {
        history.append(event)
        if event.key.type.isWorkload { workloadVersion = event.version }
        if history.count > Self.historyLimit { compact(keeping: Self.historyLimit / 2) }
    }

    /// Forgets all changes but the newest.
    mutating func compact(keeping count: Int = 0) {
        history.removeFirst(max(0, history.count - count))
        compacted = (history.first?.version ?? version + 1) - 1
    }

    /// Objects of a type in a namespace, or in all, by name.
    func list(_ type: ResourceType, namespace: String = "") -> [(key: ObjectKey, value: JSONValue)] {
        pairs((keys[type] ?? []).filter { namespace.isEmpty || $0.namespace == namespace })
    }

    /// Objects of a type that an object owns, by name.
    func list(_ type: ResourceType, ownedBy uid: String) -> [(key: ObjectKey, value: JSONValue)] {
        pairs((owned[uid] ?? []).filter { $0.type == type })
    }

    private func pairs(_ keys: Set<ObjectKey>) -> [(key: ObjectKey, value: JSONValue)] {
        keys.sorted().compactMap { key in objects[key].map { (key, $0) } }
    }
}
