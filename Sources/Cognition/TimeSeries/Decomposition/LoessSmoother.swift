/// Locally weighted regression on a uniform grid (Cleveland 1979), as STL uses it.
struct LoessSmoother {
    /// Neighbours of a point, odd.
    let window: Int
    /// Degree of the local polynomials, 0 or 1.
    let degree: Int

    /// Smoothed values at all points.
    ///
    /// - Parameter weights: robustness weights, one a value; `nil` for 1.
    func smooth(_ values: [Double], weights: [Double]?) -> [Double] {
        let count = values.count
        guard count > 1 else { return values }
        var left = 0
        var right = min(window, count) - 1
        return values.indices.map { index in
            if window < count, index >= (window + 1) / 2, right != count - 1 {
                left += 1
                right += 1
            }
            return estimate(values, at: Double(index), from: left, to: right, weights: weights) ?? values[index]
        }
    }

    /// Local fit at a place, in points from the first one; `nil` when all weights are 0.
    func estimate(_ values: [Double], at place: Double, from left: Int, to right: Int, weights: [Double]?) -> Double? {
        var width = max(place - Double(left), Double(right) - place)
        if window > values.count { width += Double((window - values.count) / 2) }
        var local = Array(repeating: 0.0, count: right - left + 1)
        var total = 0.0
        for index in left...right {
            let distance = abs(Double(index) - place)
            guard distance <= 0.999 * width else { continue }
            let share = distance / width
            let cube = 1 - share * share * share
            var weight = distance <= 0.001 * width ? 1 : cube * cube * cube
            if let weights { weight *= weights[index] }
            local[index - left] = weight
            total += weight
        }
        guard total > 0 else { return nil }
        for index in local.indices { local[index] /= total }
        if width > 0, degree > 0 { tilt(&local, left, place, Double(values.count - 1)) }
        return local.indices.reduce(0) { $0 + local[$1] * values[left + $1] }
    }

    /// Turns weights of a local mean into those of a local line.
    private func tilt(_ local: inout [Double], _ left: Int, _ place: Double, _ range: Double) {
        let center = local.indices.reduce(0) { $0 + local[$1] * Double(left + $1) }
        let spread = local.indices.reduce(0) { sum, index in
            let distance = Double(left + index) - center
            return sum + local[index] * distance * distance
        }
        guard spread.squareRoot() > 0.001 * range else { return }
        let slope = (place - center) / spread
        for index in local.indices { local[index] *= slope * (Double(left + index) - center) + 1 }
    }
}
