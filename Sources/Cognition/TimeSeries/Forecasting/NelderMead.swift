/// Minimises a function without derivatives (Nelder and Mead 1965).
enum NelderMead {
    /// - Parameters:
    ///   - start: where to begin; at least one number.
    ///   - step: first distance in each direction.
    ///   - evaluations: of the function, at most.
    ///   - tolerance: difference of values at which it ends.
    ///   - value: the function; `infinity` where it is not defined.
    static func minimise(
        from start: [Double], step: Double, evaluations: Int, tolerance: Double = 1e-8, _ value: ([Double]) -> Double
    ) -> (point: [Double], value: Double) {
        func evaluate(_ point: [Double]) -> (point: [Double], value: Double) {
            let result = value(point)
            return (point, result.isNaN ? .infinity : result)
        }
        var simplex = [evaluate(start)]
        for index in start.indices {
            var point = start
            point[index] += step
            simplex.append(evaluate(point))
        }
        var used = simplex.count
        while used < evaluations, let last = simplex.indices.last, last > 0 {
            simplex.sort { $0.value < $1.value }
            guard simplex[last].value - simplex[0].value > tolerance else { break }
            let center = start.indices.map { column in
                simplex[..<last].reduce(0) { $0 + $1.point[column] / Double(last) }
            }
            func moved(_ share: Double) -> (point: [Double], value: Double) {
                used += 1
                return evaluate(center.indices.map { center[$0] + share * (center[$0] - simplex[last].point[$0]) })
            }
            let reflected = moved(1)
            if reflected.value < simplex[0].value {
                let expanded = moved(2)
                simplex[last] = expanded.value < reflected.value ? expanded : reflected
            } else if reflected.value < simplex[last - 1].value {
                simplex[last] = reflected
            } else {
                let contracted = moved(reflected.value < simplex[last].value ? 0.5 : -0.5)
                if contracted.value < min(reflected.value, simplex[last].value) {
                    simplex[last] = contracted
                } else {
                    for index in 1...last {
                        let point = simplex[index].point
                        simplex[index] = evaluate(point.indices.map { (point[$0] + simplex[0].point[$0]) / 2 })
                    }
                    used += last
                }
            }
        }
        return simplex.min { $0.value < $1.value } ?? evaluate(start)
    }
}
