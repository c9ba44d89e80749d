/// How far a value is from all that a series has shown before, as a share of its range.
///
/// The values of the last 4,000 to 8,000 samples occupy cells of a grid of 128, which doubles its width when one lies
/// outside of it; the novelty of a value is its distance from the nearest occupied cell. It is the distance to the
/// nearest neighbour (Ramaswamy, Rastogi and Shim 2000, "Efficient algorithms for mining outliers from large data
/// sets") in constant space and time. A value counts as shown only after an hour or two, so that an anomaly does not
/// make itself known. State: 14 words.
struct RangeNovelty: Sendable, Equatable, Codable {
    private static let cells = 128
    /// Samples after which what was shown begins to be forgotten.
    private static let generation = 4_000

    /// Occupied cells of the present and the last generation, and of this and the last hour.
    private var present = CellSet()
    private var former = CellSet()
    private var hour = CellSet()
    private var lastHour = CellSet()
    private var low = 0.0
    /// Width of a cell; 0 before the first value.
    private var width = 0.0
    private var count = 0

    /// Distance from the nearest value that counts, in the unit of the series; `nil` while there is none.
    func distance(_ value: Double) -> Double? {
        let known = present.union(former)
        guard width > 0, !known.isEmpty else { return nil }
        let position = (value - low) / width
        guard position >= 0 else { return known.first.map { (Double($0) - position) * width } }
        guard position < Double(Self.cells) else { return known.last.map { (position - Double($0 + 1)) * width } }
        let cell = Int(position)
        if known.contains(cell) { return 0 }
        var distance = Double.infinity
        if let below = known.last(below: cell) { distance = position - Double(below + 1) }
        if let above = known.first(above: cell) { distance = min(distance, Double(above) - position) }
        return distance * width
    }

    /// Takes in a value.
    ///
    /// - Parameter isNewHour: whether an hour is over since this was last true.
    mutating func insert(_ value: Double, isNewHour: Bool) {
        if isNewHour {
            present.formUnion(lastHour)
            lastHour = hour
            hour = CellSet()
        }
        count += 1
        if count >= Self.generation {
            count = 0
            former = present
            present = CellSet()
        }
        if width == 0 {
            width = max(abs(value) * 1e-9, 1e-300) / Double(Self.cells)
            low = value - width * Double(Self.cells / 2)
        }
        // A thousand doublings span all numbers.
        for _ in 0..<2_200 {
            let position = (value - low) / width
            if position >= 0, position < Double(Self.cells) {
                hour.insert(Int(position))
                return
            }
            widen(downwards: position < 0)
        }
    }

    private mutating func widen(downwards: Bool) {
        present.halve(upwards: downwards)
        former.halve(upwards: downwards)
        hour.halve(upwards: downwards)
        lastHour.halve(upwards: downwards)
        if downwards { low -= width * Double(Self.cells) }
        width *= 2
    }
}

extension RangeNovelty {
    /// A set of numbers from 0 to 127.
    struct CellSet: Sendable, Equatable, Codable {
        private var low: UInt64 = 0
        private var high: UInt64 = 0

        private var bits: UInt128 {
            get { UInt128(high) << 64 | UInt128(low) }
            set {
                low = UInt64(truncatingIfNeeded: newValue)
                high = UInt64(truncatingIfNeeded: newValue >> 64)
            }
        }

        var isEmpty: Bool { low == 0 && high == 0 }
        var first: Int? { isEmpty ? nil : bits.trailingZeroBitCount }
        var last: Int? { isEmpty ? nil : 127 - bits.leadingZeroBitCount }

        func contains(_ cell: Int) -> Bool { (cell < 64 ? low >> UInt64(cell) : high >> UInt64(cell - 64)) & 1 == 1 }

        func last(below cell: Int) -> Int? {
            let masked = bits & ((1 << UInt128(cell)) - 1)
            return masked == 0 ? nil : 127 - masked.leadingZeroBitCount
        }

        func first(above cell: Int) -> Int? {
            let masked = cell >= 127 ? 0 : bits >> UInt128(cell + 1)
            return masked == 0 ? nil : cell + 1 + masked.trailingZeroBitCount
        }

        func union(_ other: CellSet) -> CellSet {
            var result = self
            result.formUnion(other)
            return result
        }

        mutating func formUnion(_ other: CellSet) {
            low |= other.low
            high |= other.high
        }

        mutating func insert(_ cell: Int) {
            if cell < 64 { low |= 1 << UInt64(cell) } else { high |= 1 << UInt64(cell - 64) }
        }

        /// Joins neighbours, for a grid of twice the width; the cells become the lower or the upper half of it.
        mutating func halve(upwards: Bool) {
            let joined = UInt64(Self.compressed(high)) << 32 | UInt64(Self.compressed(low))
            low = upwards ? 0 : joined
            high = upwards ? joined : 0
        }

        /// Each pair of bits as one.
        private static func compressed(_ bits: UInt64) -> UInt32 {
            var even = (bits | bits >> 1) & 0x5555_5555_5555_5555
            even = (even | even >> 1) & 0x3333_3333_3333_3333
            even = (even | even >> 2) & 0x0F0F_0F0F_0F0F_0F0F
            even = (even | even >> 4) & 0x00FF_00FF_00FF_00FF
            even = (even | even >> 8) & 0x0000_FFFF_0000_FFFF
            return UInt32(truncatingIfNeeded: even | even >> 16)
        }
    }
}
