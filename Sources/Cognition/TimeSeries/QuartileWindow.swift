/// The last 32 values with their quartiles, exact at every step.
///
/// The values stand in order between two sentinels, and each place of the ring knows the rank of its value: the oldest
/// value is found without a search, and its successor moves from the one's place to its own. The sentinels end the moves,
/// so that no bound is asked for; a byte a rank lets sixteen ranks move at once. About 20 ns a value, half of them for the
/// end of the move, which no processor can predict. State: 304 bytes of values, 64 of ranks, three words.
struct QuartileWindow: Sendable, Equatable {
    /// Values that are kept.
    static let capacity = 32

    /// Ascending between two infinities; of equal values the newer ones stand first.
    private var sorted = [-Double.infinity, .infinity]
    /// Of the value at each place of the ring.
    private var ranks: [UInt8] = []
    /// Place of the oldest value of a full ring; 0 until it is full.
    private(set) var next = 0

    /// A window without values.
    init() {
        sorted.reserveCapacity(Self.capacity + 2)
        ranks.reserveCapacity(Self.capacity)
    }

    /// The window that a ring describes; `nil` when it is none.
    ///
    /// - Parameters:
    ///   - ring: finite values.
    ///   - next: place of the oldest value of a full ring, else 0.
    init?(ring: [Double], next: Int) {
        let isFull = ring.count == Self.capacity
        guard ring.count <= Self.capacity, ring.allSatisfy(\.isFinite),
            isFull ? ring.indices.contains(next) : next == 0
        else { return nil }
        self.init()
        ranks = Array(repeating: 0, count: ring.count)
        // From the oldest to the newest, as they came: equal values have an order.
        let places = Array(next..<ring.count) + Array(0..<next)
        for (age, place) in places.enumerated() {
            let rank = sorted[1..<(1 + age)].count { $0 < ring[place] }
            for older in places.prefix(age) where ranks[older] >= rank { ranks[older] += 1 }
            ranks[place] = UInt8(rank)
            sorted.insert(ring[place], at: 1 + rank)
        }
        self.next = next
    }

    /// Values so far, at most the capacity.
    var count: Int { ranks.count }

    /// Values in the order of the ring.
    var ring: [Double] { ranks.map { sorted[1 + Int($0)] } }

    /// Bytes beside the value itself.
    var heapBytes: Int { 64 + MemoryLayout<Double>.stride * sorted.capacity + ranks.capacity }

    /// First and third quartile by linear interpolation (Hyndman and Fan 1996, type 7); 0 without values.
    var quartiles: (first: Double, third: Double) {
        guard count == Self.capacity else {
            let values = Array(sorted[1..<(1 + count)])
            return (Statistics.quantile(sorted: values, 0.25), Statistics.quantile(sorted: values, 0.75))
        }
        // Of 32 values the quartiles lie at 7.75 and 23.25.
        return sorted.withUnsafeBufferPointer { sorted in
            (sorted[8] * 0.25 + sorted[9] * 0.75, sorted[24] * 0.75 + sorted[25] * 0.25)
        }
    }

    /// Takes in a finite value; the oldest one of a full window leaves.
    mutating func insert(_ value: Double) {
        guard count == Self.capacity else {
            let rank = UInt8(sorted[1..<(1 + count)].count { $0 < value })
            for place in ranks.indices where ranks[place] >= rank { ranks[place] += 1 }
            ranks.append(rank)
            sorted.insert(value, at: 1 + Int(rank))
            return
        }
        let left = ranks.withUnsafeBufferPointer { $0[next] }
        let entered = sorted.withUnsafeMutableBufferPointer { Self.move(from: Int(left), to: value, in: $0) }
        let place = next
        ranks.withUnsafeMutableBufferPointer { ranks in
            for index in 0..<Self.capacity {
                let without = ranks[index] &- (ranks[index] > left ? 1 : 0)
                ranks[index] = without &+ (without >= entered ? 1 : 0)
            }
            ranks[place] = entered
        }
        next = place == Self.capacity - 1 ? 0 : place &+ 1
    }

    /// Replaces the value of a rank by another one, which moves to its place among the others.
    ///
    /// - Returns: the rank of the new value.
    private static func move(
        from rank: Int, to value: Double, in sorted: UnsafeMutableBufferPointer<Double>
    ) -> UInt8 {
        var place = 1 &+ rank
        if sorted[place] < value {
            var following = sorted[place &+ 1]
            while following < value {
                sorted[place] = following
                place &+= 1
                following = sorted[place &+ 1]
            }
        } else {
            var preceding = sorted[place &- 1]
            while preceding >= value {
                sorted[place] = preceding
                place &-= 1
                preceding = sorted[place &- 1]
            }
        }
        sorted[place] = value
        return UInt8(truncatingIfNeeded: place &- 1)
    }
}
