extension RandomCutTree {
    /// Whether the tree has these dimensions and holds exactly these points, by their leaves, in boxes that fit.
    ///
    /// A tree that comes from outside is looked at once, so that no walk through it leaves it or goes in circles.
    func isWhole(_ dimensions: Int, _ leaves: [Int]) -> Bool {
        guard dimensions == self.dimensions, least.count == nodes.count * dimensions,
            greatest.count == least.count, Set(free).count == free.count,
            free.allSatisfy({ nodes.indices.contains($0) })
        else { return false }
        var points: [Int: Int] = [:]
        for leaf in leaves { points[leaf, default: 0] += 1 }
        var seen = Set(free)
        guard root >= 0 else { return leaves.isEmpty && seen.count == nodes.count }
        var open = [(place: root, parent: -1)]
        var found = 0
        while let (place, parent) = open.popLast() {
            guard nodes.indices.contains(place), seen.insert(place).inserted, nodes[place].parent == parent else {
                return false
            }
            let node = nodes[place]
            if node.isLeaf {
                guard node.count > 0, points[place] == node.count, box(place).allSatisfy({ $0 == $1 }) else {
                    return false
                }
                found += 1
            } else {
                guard node.dimension < dimensions, fits(place) else { return false }
                open += [(node.below, place), (node.above, place)]
            }
        }
        return seen.count == nodes.count && found == points.count
    }

    private func box(_ place: Int) -> Zip2Sequence<ArraySlice<Double>, ArraySlice<Double>> {
        let range = (place * dimensions)..<((place + 1) * dimensions)
        return zip(least[range], greatest[range])
    }

    /// Whether a branch is what its two sides make together, on both sides of its cut.
    private func fits(_ place: Int) -> Bool {
        let node = nodes[place]
        guard nodes.indices.contains(node.below), nodes.indices.contains(node.above) else { return false }
        let (below, above) = (node.below * dimensions, node.above * dimensions)
        guard nodes[node.below].count + nodes[node.above].count == node.count,
            greatest[below + node.dimension] <= node.cut, node.cut < least[above + node.dimension]
        else { return false }
        return (0..<dimensions).allSatisfy { index in
            least[place * dimensions + index] == min(least[below + index], least[above + index])
                && greatest[place * dimensions + index] == max(greatest[below + index], greatest[above + index])
        }
    }
}
