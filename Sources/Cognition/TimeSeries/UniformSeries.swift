/// A series on a uniform grid, with prefix sums that fit a line to any window in constant time.
struct UniformSeries: Sendable {
    /// Points that are kept at most: a week at five minutes.
    static let maximumPoints = 2_016

    /// Distance of the points in seconds, above 0.
    let step: Double
    /// Unix milliseconds of the newest point.
    let end: Int64
    let values: [Double]
    private let sums: [Double]
    private let moments: [Double]
    private let squares: [Double]

    var count: Int { values.count }

    /// The newest part of a series, at its median distance; `nil` when all samples have the same time.
    ///
    /// Values between samples are interpolated, and single outliers replaced by the median of three.
    ///
    /// - Parameter samples: usable, ascending, without repeated timestamps.
    init?(_ samples: [Sample]) {
        let recent = samples.suffix(Self.maximumPoints)
        let distances = zip(recent, recent.dropFirst()).map { Double($1.timestamp) - Double($0.timestamp) }
        guard let last = recent.last, let first = recent.first, let longest = distances.max(), longest > 0 else {
            return nil
        }
        let step = max(1, Statistics.median(distances))
        let span = Double(last.timestamp) - Double(first.timestamp)
        let count = Int(min(Double(Self.maximumPoints), (span / step).rounded(.down) + 1))
        var grid = Array(repeating: last.value, count: count)
        var index = recent.startIndex
        for place in 0..<count {
            let time = Double(last.timestamp) - Double(count - 1 - place) * step
            while index + 1 < recent.endIndex, Double(recent[index + 1].timestamp) <= time { index += 1 }
            guard index + 1 < recent.endIndex else {
                grid[place] = recent[index].value
                continue
            }
            let (from, to) = (recent[index], recent[index + 1])
            let share = (time - Double(from.timestamp)) / (Double(to.timestamp) - Double(from.timestamp))
            grid[place] = from.value + (to.value - from.value) * max(0, min(1, share))
        }
        var smooth = grid
        for place in grid.indices.dropFirst().dropLast() {
            let (before, here, after) = (grid[place - 1], grid[place], grid[place + 1])
            smooth[place] = max(min(before, here), min(max(before, here), after))
        }
        self.init(values: smooth, step: step / 1_000, end: last.timestamp)
    }

    init(values: [Double], step: Double, end: Int64) {
        self.values = values
        self.step = step
        self.end = end
        var sums = [0.0]
        var moments = [0.0]
        var squares = [0.0]
        squares.reserveCapacity(values.count + 1)
        sums.reserveCapacity(values.count + 1)
        moments.reserveCapacity(values.count + 1)
        for (index, value) in values.enumerated() {
            sums.append(sums[index] + value)
            moments.append(moments[index] + value * Double(index))
            squares.append(squares[index] + value * Double(index) * Double(index))
        }
        self.sums = sums
        self.moments = moments
        self.squares = squares
    }

    /// The same grid with other values.
    func mapped(_ transform: (Int, Double) -> Double) -> UniformSeries {
        UniformSeries(values: values.enumerated().map { transform($0.offset, $0.element) }, step: step, end: end)
    }

    /// Time of a point of the grid, Unix milliseconds; also of points that are yet to come.
    func time(_ index: Int) -> Int64 {
        let offset = Double(index - count + 1) * step * 1_000
        return end &+ Int64(max(-9e18, min(9e18, offset)))
    }

    /// Mean of the `length` values up to and including `index`.
    func mean(at index: Int, length: Int) -> Double {
        let from = max(0, index + 1 - length)
        return (sums[index + 1] - sums[from]) / Double(index + 1 - from)
    }

    /// Least-squares line through the `length` values up to and including `index`: value at `index`, slope a second.
    func line(at index: Int, length: Int) -> (level: Double, slope: Double) {
        let from = max(0, index + 1 - length)
        let count = Double(index + 1 - from)
        guard count > 1 else { return (values[index], 0) }
        let sum = sums[index + 1] - sums[from]
        let moment = moments[index + 1] - moments[from] - Double(from) * sum
        let middle = (count - 1) / 2
        let slope = (moment - middle * sum) / (count * (count * count - 1) / 12)
        return (sum / count + slope * middle, slope / step)
    }

    /// A level that began to rise at some point of a window and has risen since, as a line or as a parabola: the onset is
    /// the one with the least squared error among places a tenth apart.
    ///
    /// - Parameters:
    ///   - index: last point of the window.
    ///   - length: points of the window, at least 24.
    ///   - shortest: points of the rise at least.
    ///   - isCurved: whether the rise is a parabola.
    /// - Returns: value, slope a second and change of slope a second at `index`.
    func onset(
        at index: Int, length: Int, shortest: Int, isCurved: Bool
    ) -> (level: Double, slope: Double, bend: Double) {
        let from = max(0, index + 1 - length)
        let count = Double(index + 1 - from)
        let total = sums[index + 1] - sums[from]
        var best = (explained: -1.0, level: total / count, slope: 0.0, bend: 0.0)
        var rise = max(3, shortest)
        while rise < index + 1 - from - 3 {
            // Regressor: d = 1 … rise at the last points, or its square, and 0 before.
            let (r, start) = (Double(rise), index - rise)
            let sum = sums[index + 1] - sums[start + 1]
            let moment = moments[index + 1] - moments[start + 1]
            let (origin, half) = (Double(start), r * (r + 1) / 2)
            let (mean, spread, product): (Double, Double, Double)
            if isCurved {
                let square = squares[index + 1] - squares[start + 1]
                let sumOfSquares = r * (r + 1) * (2 * r + 1) / 6
                mean = sumOfSquares / count
                spread = sumOfSquares * (3 * r * r + 3 * r - 1) / 5 - count * mean * mean
                product = square - 2 * origin * moment + origin * origin * sum - mean * total
            } else {
                mean = half / count
                spread = r * (r + 1) * (2 * r + 1) / 6 - count * mean * mean
                product = moment - origin * sum - mean * total
            }
            let explained = product * product / spread
            if explained > best.explained {
                let factor = product / spread
                let base = total / count - factor * mean
                best =
                    isCurved
                    ? (explained, base + factor * r * r, 2 * factor * r / step, 2 * factor / (step * step))
                    : (explained, base + factor * r, factor / step, 0)
            }
            rise += max(1, rise / 10)
        }
        return (best.level, best.slope, best.bend)
    }
}
