/// The course of a series over the last week in steps of five minutes, for forecasts: means, not samples.
///
/// Kept only for series with a limit. State: at most 2,016 values of four bytes, 8 KiB.
package struct SeriesOutline: Sendable, Equatable, Codable {
    /// Milliseconds of a step.
    package static let step: Int64 = 300_000

    /// Number of the step of the first value, counted from 1970.
    private var start: Int64 = 0
    /// Means of the steps that are over; `nan` of those without samples.
    private var means: [Float] = []
    private var sum = 0.0
    private var count = 0.0
    private var last: Int64 = 0

    /// An outline without samples.
    package init() {}

    /// The outline of a history; order does not matter, unusable samples are skipped.
    package init(_ samples: [Sample]) {
        for sample in BaselineFit.cleaned(samples) { update(sample) }
    }

    /// Bytes beside the value itself.
    package var heapBytes: Int { MemoryLayout<Float>.stride * means.count }

    /// Takes in the next sample; unusable ones, ones beyond single precision and older ones change nothing.
    ///
    /// After a gap of more than the outline holds it begins anew.
    package mutating func update(_ sample: Sample) {
        guard abs(sample.value) < 1e38, count == 0 || sample.timestamp > last else { return }
        let slot = sample.timestamp / Self.step
        let current = start &+ Int64(means.count)
        let capacity = Int64(UniformSeries.maximumPoints)
        if count == 0 && means.isEmpty || slot &- current >= capacity {
            self = SeriesOutline()
            start = slot
        } else if slot > current {
            means.append(Float(sum / count))
            means += Array(repeating: .nan, count: Int(slot - current - 1))
            let surplus = means.count - UniformSeries.maximumPoints
            if surplus > 0 {
                means.removeFirst(surplus)
                start += Int64(surplus)
            }
            sum = 0
            count = 0
        }
        sum += sample.value
        count += 1
        last = sample.timestamp
    }

    /// The means as samples, each at the middle of its step; the one of the present step at its newest sample.
    package var samples: [Sample] {
        var result: [Sample] = []
        result.reserveCapacity(means.count + 1)
        for (index, mean) in means.enumerated() where !mean.isNaN {
            let time = (start + Int64(index)) * Self.step + Self.step / 2
            result.append(Sample(timestamp: time, value: Double(mean)))
        }
        // A mean of few samples is noisier than the others: it counts once half of its step is over.
        if count > 0, last % Self.step >= Self.step / 2 {
            result.append(Sample(timestamp: last, value: sum / count))
        }
        return result
    }

    /// Largest minus smallest value; 0 without values.
    package var range: Double {
        var low = Float.infinity
        var high = -Float.infinity
        for mean in means where !mean.isNaN {
            low = min(low, mean)
            high = max(high, mean)
        }
        return high > low ? Double(high - low) : 0
    }

    private enum CodingKeys: String, CodingKey {
        case start, means, sum, count, last
    }

    /// Values are stored as bit patterns, since `nan` is no JSON.
    ///
    /// - Throws: `DecodingError` for more values than an outline holds.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        start = try container.decode(Int64.self, forKey: .start)
        means = try container.decode([UInt32].self, forKey: .means).map { Float(bitPattern: $0) }
        sum = try container.decode(Double.self, forKey: .sum)
        count = try container.decode(Double.self, forKey: .count)
        last = try container.decode(Int64.self, forKey: .last)
        guard means.count <= UniformSeries.maximumPoints, count >= 0, abs(start) <= Int64.max / Self.step else {
            throw DecodingError.dataCorruptedError(forKey: .means, in: container, debugDescription: "not an outline")
        }
    }

    /// Stores the values as bit patterns.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(start, forKey: .start)
        try container.encode(means.map(\.bitPattern), forKey: .means)
        try container.encode(sum, forKey: .sum)
        try container.encode(count, forKey: .count)
        try container.encode(last, forKey: .last)
    }
}
