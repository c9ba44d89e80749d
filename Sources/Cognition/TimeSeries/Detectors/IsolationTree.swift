#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Random cuts that separate points from each other (Liu, Ting and Zhou 2008, algorithm 2).
struct IsolationTree: Sendable, Equatable, Codable {
    private struct Node: Sendable, Equatable, Codable {
        /// Index of the feature that is cut; -1 in a leaf.
        var feature: Int
        /// Where it is cut; in a leaf, the depth that the points left in it would still need.
        var value: Double
        /// Range of the feature that the cut was drawn from.
        var low: Double
        var high: Double
        /// Node of the values below the cut; the one of the others follows from there.
        var below: Int
        var above: Int
    }

    private var nodes: [Node] = []

    /// - Parameter points: vectors of the same length, without `nan`.
    init(_ points: [[Double]], using generator: inout SplitMix64) {
        let limit = Int(log2(Double(max(2, points.count))).rounded(.up))
        _ = grow(points, depth: 0, limit: limit, using: &generator)
    }

    /// Mean depth of a point in a tree of so many: the average path of an unsuccessful search in a binary search tree.
    static func expectedDepth(_ count: Int) -> Double {
        guard count > 1 else { return 0 }
        let size = Double(count)
        return 2 * (log(size - 1) + 0.577_215_664_9) - 2 * (size - 1) / size
    }

    /// Expected cuts until a point is alone: those to its leaf, fewer where it lies outside of what was cut.
    func depth(of point: [Double]) -> Double {
        var index = 0
        var depth = 0.0
        // Probability that no cut so far has fallen between the point and all others.
        var together = 1.0
        // Each step goes to a later node, so that the walk ends even in a tree that was stored wrongly.
        while nodes.indices.contains(index) {
            let node = nodes[index]
            guard point.indices.contains(node.feature) else { return depth + together * node.value }
            let value = point[node.feature]
            let outside = max(0, node.low - value, value - node.high)
            let share = outside / (outside + node.high - node.low)
            depth += together
            if share > 0 { together *= 1 - share }
            let next = value < node.value ? node.below : node.above
            guard next > index else { return depth }
            index = next
        }
        return depth
    }

    private mutating func grow(
        _ points: [[Double]], depth: Int, limit: Int, using generator: inout SplitMix64
    ) -> Int {
        let place = nodes.count
        nodes.append(Node(feature: -1, value: Self.expectedDepth(points.count), low: 0, high: 0, below: 0, above: 0))
        guard depth < limit, points.count > 1, let width = points.first?.count, width > 0 else { return place }
        let feature = Int.random(in: 0..<width, using: &generator)
        let values = points.map { $0[feature] }
        guard let low = values.min(), let high = values.max(), low < high else { return place }
        let cut = low + (high - low) * Double.random(in: 0..<1, using: &generator)
        let below = grow(points.filter { $0[feature] < cut }, depth: depth + 1, limit: limit, using: &generator)
        let above = grow(points.filter { $0[feature] >= cut }, depth: depth + 1, limit: limit, using: &generator)
        nodes[place] = Node(feature: feature, value: cut, low: low, high: high, below: below, above: above)
        return place
    }
}
