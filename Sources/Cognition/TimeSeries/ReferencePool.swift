/// What a series should be now by several references to its own past, combined by how well each has done.
///
/// References: the level of the last samples, the level of the last day, the typical day, and the typical day and week
/// each moved to the present level. A reference counts by the inverse cube of the scale of its residuals, so that the
/// best ones decide. State: about 480 words.
struct ReferencePool: Sendable, Equatable, Codable {
    private static let dailyBuckets = 48
    private static let weeklyBuckets = 168
    private static let window = 1_000.0
    /// Residuals after which a reference's scale is known.
    private static let leastResiduals = 20

    private var count = 0.0
    private var recent = 0.0
    private var slow = 0.0
    private var daily = SeasonTable(period: SeasonalProfile.day, buckets: dailyBuckets, rate: 0.3)
    private var weekly = SeasonTable(period: 7 * SeasonalProfile.day, buckets: weeklyBuckets, rate: 0.5)
    private var dailyOffset = 0.0
    private var weeklyOffset = 0.0
    private var scales = Array(repeating: RunningScale(window: window), count: 5)

    /// Predictions for an instant, by reference; `nil` of a reference that has not seen its period yet.
    ///
    /// - Parameter age: days since the first sample.
    private func predictions(at timestamp: Int64, age: Double) -> [Double?] {
        let day = age >= 1 ? daily.value(at: timestamp) : nil
        let week = age >= 7 ? weekly.value(at: timestamp) : nil
        return [recent, slow, day, day.map { $0 + dailyOffset }, week.map { $0 + weeklyOffset }]
    }

    /// The combined prediction for an instant, made before the value is known, and the value put to the test.
    mutating func predict(_ value: Double, at timestamp: Int64, age: Double) -> Double {
        guard count > 0 else { return value }
        let predictions = predictions(at: timestamp, age: age)
        var best = Double.infinity
        for (index, prediction) in predictions.enumerated()
        where prediction != nil && scales[index].count > Self.leastResiduals {
            best = min(best, scales[index].value)
        }
        var weights = 0.0
        var sum = 0.0
        for (index, prediction) in predictions.enumerated() {
            guard let prediction else { continue }
            let scale = scales[index].value
            let isKnown = scales[index].count > Self.leastResiduals
            let share = isKnown && scale > best ? best / scale : 1
            let weight = isKnown || best == .infinity ? share * share * share : 0
            weights += weight
            sum += weight * prediction
            scales[index].update(value - prediction)
        }
        return weights > 0 ? sum / weights : recent
    }

    /// Takes in a value.
    ///
    /// - Parameters:
    ///   - value: bounded, so that an anomaly does not become the reference.
    ///   - age: days since the first sample.
    ///   - step: usual distance of samples in milliseconds.
    mutating func update(_ value: Double, at timestamp: Int64, age: Double, step: Double) {
        let perDay = max(1, Double(SeasonalProfile.day) / step)
        count = min(count + 1, 1e9)
        guard count > 1 else {
            recent = value
            slow = value
            daily.update(value, at: timestamp, perBucket: 1)
            weekly.update(value, at: timestamp, perBucket: 1)
            return
        }
        let predictions = predictions(at: timestamp, age: age)
        // Three hours, of 6 to 36 samples; a day; half a day, of at least 12 samples; a day, likewise.
        recent += (value - recent) / max(6, min(count, perDay / 8, 36))
        slow += (value - slow) / min(count, max(2, perDay))
        if let day = predictions[2] {
            dailyOffset += (value - day - dailyOffset) / max(12, min(count, perDay / 2))
        }
        if let moved = predictions[4] {
            weeklyOffset += (value - moved) / max(12, min(count, perDay))
        }
        daily.update(value, at: timestamp, perBucket: perDay / Double(Self.dailyBuckets))
        weekly.update(value, at: timestamp, perBucket: perDay / 24)
    }
}
