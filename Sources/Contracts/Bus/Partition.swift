import Model

/// One of the fixed slices that the estate is divided into; everything about a namespace lives in one partition.
package struct Partition: RawRepresentable, Sendable, Hashable, Comparable {
    /// Number of partitions of a new installation; a power of two in 1...1024.
    package static let defaultCount = 16

    /// Position from 0.
    package var rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// The partition of a namespace.
    package init(cluster: String, namespace: String, count: Int = Partition.defaultCount) {
        var hash = StableHash()
        hash.combine(cluster)
        hash.combine(namespace)
        self.rawValue = Int(hash.value % UInt64(max(1, count)))
    }

    /// The partition of an entity's namespace.
    package init(of entity: Entity, count: Int = Partition.defaultCount) {
        self.init(cluster: entity.cluster, namespace: entity.namespace, count: count)
    }

    /// All partitions in order.
    package static func all(count: Int = Partition.defaultCount) -> [Partition] {
        (0..<max(1, count)).map(Partition.init(rawValue:))
    }

    /// Redis Cluster hash tag with its braces, such as `{p07}`.
    package var tag: String { "{p" + (rawValue < 10 ? "0" : "") + "\(rawValue)}" }

    package static func < (lhs: Partition, rhs: Partition) -> Bool { lhs.rawValue < rhs.rawValue }
}
