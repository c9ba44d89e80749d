/// Typical values around a period, learned sample by sample, interpolated between buckets.
///
/// State: two words a bucket.
struct SeasonTable: Sendable, Equatable, Codable {
    /// Milliseconds.
    private let period: Int64
    /// Weight of one period's new values against the old ones, in (0,1).
    private let rate: Double
    private var values: [Double]
    private var counts: [Double]

    init(period: Int64, buckets: Int, rate: Double) {
        self.period = max(1, period)
        self.rate = rate
        values = Array(repeating: 0, count: max(1, buckets))
        counts = Array(repeating: 0, count: max(1, buckets))
    }

    private enum CodingKeys: String, CodingKey {
        case period, rate, values, counts
    }

    /// - Throws: `DecodingError` for a table without buckets, or with values and counts that do not belong together.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        period = try container.decode(Int64.self, forKey: .period)
        rate = try container.decode(Double.self, forKey: .rate)
        values = try container.decode([Double].self, forKey: .values)
        counts = try container.decode([Double].self, forKey: .counts)
        guard period > 0, !values.isEmpty, values.count == counts.count else {
            throw DecodingError.dataCorruptedError(forKey: .values, in: container, debugDescription: "not a table")
        }
    }

    /// Bytes beside the value itself.
    var heapBytes: Int { MemoryLayout<Double>.stride * (values.count + counts.count) }

    private func place(_ timestamp: Int64) -> (bucket: Int, phase: Double) {
        let remainder = timestamp % period
        let time = Double(remainder < 0 ? remainder + period : remainder)
        let phase = time / Double(period) * Double(values.count)
        return (min(values.count - 1, Int(phase)), phase)
    }

    /// The typical value at an instant; `nil` where nothing has been seen yet.
    func value(at timestamp: Int64) -> Double? {
        let (bucket, phase) = place(timestamp)
        guard counts[bucket] > 0 else { return nil }
        let middle = phase - Double(bucket) - 0.5
        let count = values.count
        let other = middle < 0 ? (bucket + count - 1) % count : (bucket + 1) % count
        guard counts[other] > 0 else { return values[bucket] }
        return values[bucket] * (1 - abs(middle)) + values[other] * abs(middle)
    }

    /// Takes in a value.
    ///
    /// - Parameter perBucket: samples that a bucket gets in one period, at least 1.
    mutating func update(_ value: Double, at timestamp: Int64, perBucket: Double) {
        let (bucket, _) = place(timestamp)
        counts[bucket] = min(counts[bucket] + 1, 1e9)
        let share = max(1 / counts[bucket], rate / max(1, perBucket))
        values[bucket] += share * (value - values[bucket])
    }
}
