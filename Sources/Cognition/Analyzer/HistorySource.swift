import Model
import TimeSeries

/// History of one series on a grid, in single precision: 4 bytes a point.
package struct HistorySeries: Sendable {
    /// The series.
    package var id: SeriesID
    /// Workload that it is about.
    package var entity: Entity
    /// Unix milliseconds of the first point of the grid.
    package let start: Int64
    /// Milliseconds between two points, at least 1.
    package let step: Int64
    private var values: [Float] = []
    /// Samples off the grid, for histories that are given as such.
    private var loose: [Sample] = []

    /// A history without points yet; `points` is how many there will be, so that they are not moved while they come.
    package init(id: SeriesID, entity: Entity, start: Int64, step: Int64, points: Int = 0) {
        self.id = id
        self.entity = entity
        self.start = start
        self.step = max(1, step)
        values.reserveCapacity(min(1 << 24, max(0, points)))
    }

    /// Bytes beside the value itself.
    package var heapBytes: Int {
        MemoryLayout<Float>.stride * values.capacity + MemoryLayout<Sample>.stride * loose.capacity
    }

    /// A history as it is.
    package init(id: SeriesID, entity: Entity, samples: [Sample]) {
        self.init(id: id, entity: entity, start: 0, step: 1)
        loose = samples
    }

    /// Takes in a sample; one before the start, or on a place that has one already, changes nothing.
    package mutating func append(_ sample: Sample) {
        guard sample.timestamp >= start, abs(sample.value) < 1e38 else { return }
        let place = Int((sample.timestamp - start) / step)
        guard place >= values.count, place < 1 << 24 else { return }
        values += Array(repeating: .nan, count: place - values.count)
        values.append(Float(sample.value))
    }

    /// Points of the past, ascending.
    package var samples: [Sample] {
        if !loose.isEmpty { return loose }
        return values.enumerated().compactMap { place, value in
            value.isNaN ? nil : Sample(timestamp: start + Int64(place) * step, value: Double(value))
        }
    }
}

/// A limit that was found outside of the metrics map, for the series that carry certain labels.
package struct FoundLimit: Sendable, Equatable {
    /// Labels that a series must carry.
    package var labels: [String: String]
    /// The limit.
    package var limit: SeriesLimit

    package init(labels: [String: String], limit: SeriesLimit) {
        self.labels = labels
        self.limit = limit
    }

    /// Why none of the limits is about any of the series, for people; `nil` when one is, or when there are none.
    package static func mismatch(_ found: [FoundLimit], _ series: [SeriesID]) -> String? {
        guard let first = found.first, let one = series.first, series.allSatisfy({ best(found, for: $0) == nil })
        else { return nil }
        func text(_ labels: [String: String]) -> String {
            "{" + labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",") + "}"
        }
        return "no series carries the labels of a limit: limits have \(text(first.labels)), series \(text(one.labels))"
    }

    /// The limit of a series: of those that are about it the one from the most reliable source, of these the one with the
    /// most labels, of these the first to be reached.
    package static func best(_ found: [FoundLimit], for series: SeriesID) -> SeriesLimit? {
        let fitting = found.filter { $0.labels.allSatisfy { series.labels[$0.key] == $0.value } }
        func rank(_ found: FoundLimit) -> (Int, Int, Double) {
            let source = SeriesLimit.Source.allCases.firstIndex(of: found.limit.source) ?? 0
            return (source, -found.labels.count, found.limit.isUpper ? found.limit.value : -found.limit.value)
        }
        return fitting.min { rank($0) < rank($1) }?.limit
    }
}

/// Where the history of a metric, and what else is known of it, is asked for.
package protocol HistorySource: Sendable {
    /// All series of a metric over the last days, in at most 10,080 points each.
    func history(of metric: String, days: Double) async throws -> [HistorySeries]

    /// All series of a metric over the last week at the distance that samples have live, where ``history(of:days:)`` has
    /// another one; otherwise nothing.
    func recent(of metric: String, days: Double) async throws -> [HistorySeries]

    /// Limits of a metric's series that are known elsewhere.
    func limits(of metric: String) async throws -> [FoundLimit]
}

extension HistorySource {
    package func recent(of metric: String, days: Double) async throws -> [HistorySeries] { [] }
    package func limits(of metric: String) async throws -> [FoundLimit] { [] }
}
