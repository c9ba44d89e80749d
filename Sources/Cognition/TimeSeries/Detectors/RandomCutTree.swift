/// A robust random cut tree over points that come and go (Guha, Mishra, Roy and Schrijvers 2016, "Robust random cut
/// forest based anomaly detection on streams", algorithms 1 and 2).
///
/// Equal points share a leaf. State: 2 · dimensions + 6 words a node, two nodes a point.
struct RandomCutTree: Sendable, Equatable, Codable {
    /// A branch or a leaf.
    struct Node: Sendable, Equatable, Codable {
        var parent = -1
        var below = -1
        var above = -1
        /// Dimension of the cut, -1 in a leaf; points up to `cut` lie below.
        var dimension = -1
        var cut = 0.0
        /// Points in it.
        var count = 0

        var isLeaf: Bool { dimension < 0 }
    }

    let dimensions: Int
    private(set) var nodes: [Node] = []
    /// Least and greatest corner of each node's box, node after node.
    private(set) var least: [Double] = []
    private(set) var greatest: [Double] = []
    private(set) var free: [Int] = []
    private(set) var root = -1
    private var generator: SplitMix64

    init(dimensions: Int, seed: UInt64) {
        self.dimensions = max(1, dimensions)
        generator = SplitMix64(seed: seed)
    }

    /// Points in the tree.
    var count: Int { root < 0 ? 0 : nodes[root].count }

    /// Puts a point in.
    ///
    /// - Parameter point: of as many finite numbers as there are dimensions.
    /// - Returns: its leaf, for ``displacement(_:)`` and ``remove(_:)``.
    mutating func insert(_ point: [Double]) -> Int {
        guard root >= 0 else {
            root = leaf(point, parent: -1)
            return root
        }
        var place = root
        while true {
            if nodes[place].isLeaf, isSame(point, place) {
                grow(from: place, point, by: 1)
                return place
            }
            var (dimension, cut) = randomCut(point, place)
            if nodes[place].isLeaf, cut >= max(least[place * dimensions + dimension], point[dimension]) {
                // Rounding took the cut to the upper end of its range, where it separates nothing.
                cut = min(least[place * dimensions + dimension], point[dimension])
            }
            let box = place * dimensions + dimension
            if cut < least[box] || (cut >= greatest[box] && point[dimension] > cut) {
                return split(place, point, dimension, cut)
            }
            place = point[nodes[place].dimension] <= nodes[place].cut ? nodes[place].below : nodes[place].above
        }
    }

    /// Takes one point of a leaf out.
    mutating func remove(_ leaf: Int) {
        guard nodes.indices.contains(leaf), nodes[leaf].count > 0, nodes[leaf].isLeaf else { return }
        guard nodes[leaf].count == 1 else {
            var place = leaf
            while place >= 0 {
                nodes[place].count -= 1
                place = nodes[place].parent
            }
            return
        }
        let parent = nodes[leaf].parent
        release(leaf)
        guard parent >= 0 else {
            root = -1
            return
        }
        let sibling = nodes[parent].below == leaf ? nodes[parent].above : nodes[parent].below
        replace(parent, by: sibling)
        release(parent)
        var place = nodes[sibling].parent
        while place >= 0 {
            nodes[place].count -= 1
            tighten(place)
            place = nodes[place].parent
        }
    }

    /// Collusive displacement of a leaf: the most points that a point's absence would move up, by point of the group
    /// that is absent with it.
    func displacement(_ leaf: Int) -> Double {
        var place = leaf
        var most = 0.0
        while nodes.indices.contains(place), nodes[place].parent >= 0 {
            let parent = nodes[place].parent
            let sibling = nodes[parent].below == place ? nodes[parent].above : nodes[parent].below
            most = max(most, Double(nodes[sibling].count) / Double(nodes[place].count))
            place = parent
        }
        return most
    }

    private func isSame(_ point: [Double], _ leaf: Int) -> Bool {
        (0..<dimensions).allSatisfy { least[leaf * dimensions + $0] == point[$0] }
    }

    /// A cut through the box of a node and the point, dimensions by their lengths.
    private mutating func randomCut(_ point: [Double], _ place: Int) -> (dimension: Int, cut: Double) {
        let widest = (0..<dimensions).max { length(point, place, $0) < length(point, place, $1) } ?? 0
        var total = 0.0
        for dimension in 0..<dimensions { total += length(point, place, dimension) }
        var rest = Double.random(in: 0..<1, using: &generator) * total
        for dimension in 0..<dimensions {
            let length = length(point, place, dimension)
            if rest < length || (dimension == dimensions - 1 && length > 0) {
                return (dimension, min(least[place * dimensions + dimension], point[dimension]) + min(rest, length))
            }
            rest -= length
        }
        return (widest, min(least[place * dimensions + widest], point[widest]))
    }

    private func length(_ point: [Double], _ place: Int, _ dimension: Int) -> Double {
        let index = place * dimensions + dimension
        return max(greatest[index], point[dimension]) - min(least[index], point[dimension])
    }

    /// A new node over `place` and a leaf of the point.
    private mutating func split(_ place: Int, _ point: [Double], _ dimension: Int, _ cut: Double) -> Int {
        let parent = nodes[place].parent
        let fresh = leaf(point, parent: -1)
        let branch = leaf(point, parent: parent)
        nodes[branch].dimension = dimension
        nodes[branch].cut = cut
        let isBelow = point[dimension] <= cut
        nodes[branch].below = isBelow ? fresh : place
        nodes[branch].above = isBelow ? place : fresh
        nodes[branch].count = nodes[place].count
        for index in 0..<dimensions {
            least[branch * dimensions + index] = least[place * dimensions + index]
            greatest[branch * dimensions + index] = greatest[place * dimensions + index]
        }
        if parent < 0 {
            root = branch
        } else if nodes[parent].below == place {
            nodes[parent].below = branch
        } else {
            nodes[parent].above = branch
        }
        nodes[place].parent = branch
        nodes[fresh].parent = branch
        grow(from: branch, point, by: 1)
        return fresh
    }

    private mutating func grow(from place: Int, _ point: [Double], by count: Int) {
        var place = place
        while place >= 0 {
            nodes[place].count += count
            for index in 0..<dimensions {
                let corner = place * dimensions + index
                least[corner] = min(least[corner], point[index])
                greatest[corner] = max(greatest[corner], point[index])
            }
            place = nodes[place].parent
        }
    }

    private mutating func tighten(_ place: Int) {
        let (below, above) = (nodes[place].below, nodes[place].above)
        for index in 0..<dimensions {
            least[place * dimensions + index] = min(
                least[below * dimensions + index], least[above * dimensions + index])
            greatest[place * dimensions + index] = max(
                greatest[below * dimensions + index], greatest[above * dimensions + index])
        }
    }

    private mutating func replace(_ place: Int, by child: Int) {
        let parent = nodes[place].parent
        nodes[child].parent = parent
        if parent < 0 {
            root = child
        } else if nodes[parent].below == place {
            nodes[parent].below = child
        } else {
            nodes[parent].above = child
        }
    }

    private mutating func leaf(_ point: [Double], parent: Int) -> Int {
        var node = Node()
        node.parent = parent
        node.count = 1
        if let place = free.popLast() {
            nodes[place] = node
            for index in 0..<dimensions {
                least[place * dimensions + index] = point[index]
                greatest[place * dimensions + index] = point[index]
            }
            return place
        }
        nodes.append(node)
        least += point.prefix(dimensions)
        greatest += point.prefix(dimensions)
        return nodes.count - 1
    }

    private mutating func release(_ place: Int) {
        nodes[place].count = 0
        free.append(place)
    }
}
