import Foundation

/// How the shop behaves: traffic follows the day, the rest follows traffic and the faults.
///
/// The same model writes the backfilled history and the live metrics, so that the past fits the present.
struct ShopModel {
    /// What is broken.
    struct Faults: Codable, Sendable, Equatable {
        /// Start of a memory leak, Unix seconds, and its speed in MiB a minute.
        var leakSince: Double?
        var leakPerMinute = 0.0
        /// Additional share of failing requests.
        var errorRate = 0.0
        /// Factor on latency.
        var slowdown = 1.0
    }

    /// Memory limit in bytes.
    static let memoryLimit = 8_192.0 * 1_048_576
    /// What has been counted until an instant; lives across restarts, so that the history goes on without a seam.
    struct Counters: Codable, Sendable, Equatable {
        /// Until when, Unix seconds.
        var time: Double
        var requests = 0.0
        var errors = 0.0
        var latencySum = 0.0
        var cpuSeconds = 0.0
    }

    /// Counts on until `time`.
    func advance(_ counters: inout Counters, to time: Double, _ faults: Faults) {
        let elapsed = max(0, time - counters.time)
        let count = traffic(at: time) * elapsed
        counters.time = max(counters.time, time)
        counters.requests += count
        counters.errors += count * errorRatio(at: time, faults)
        counters.latencySum += count * latency(at: time, faults)
        counters.cpuSeconds += cpu(at: time) * elapsed
    }

    /// Requests a second at a time of day.
    func traffic(at time: Double) -> Double {
        let day = time.truncatingRemainder(dividingBy: 86_400) / 86_400
        let wave = 1 + 0.45 * sin(2 * .pi * (day - 0.35)) + 0.12 * sin(4 * .pi * (day - 0.1))
        return max(1, 40 * wave * (1 + 0.03 * noise(time, 1)))
    }

    /// Share of failing requests.
    func errorRatio(at time: Double, _ faults: Faults) -> Double {
        max(0, 0.004 + 0.0008 * noise(time, 2) + faults.errorRate)
    }

    /// Mean latency in seconds.
    func latency(at time: Double, _ faults: Faults) -> Double {
        max(0.001, (0.045 + 0.0006 * traffic(at: time) + 0.002 * noise(time, 3)) * faults.slowdown)
    }

    /// Memory in bytes.
    func memory(at time: Double, _ faults: Faults) -> Double {
        let leaked = faults.leakSince.map { max(0, time - $0) / 60 * faults.leakPerMinute } ?? 0
        return 1_048_576 * (300 + 0.8 * traffic(at: time) + 3 * noise(time, 4) + leaked)
    }

    /// Share of one CPU.
    func cpu(at time: Double) -> Double { max(0.001, 0.08 + 0.006 * traffic(at: time) + 0.01 * noise(time, 5)) }

    /// Noise with the spread of a standard normal distribution, the same for the same second and channel.
    private func noise(_ time: Double, _ channel: UInt64) -> Double {
        var state = UInt64(max(0, time * 4)) &* 0x9e37_79b9_7f4a_7c15 ^ (channel &* 0xbf58_476d_1ce4_e5b9)
        var sum = 0.0
        for _ in 0..<6 {
            state = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
            state = (state ^ (state >> 27)) &* 0x94d0_49bb_1331_11eb
            state ^= state >> 31
            sum += Double(state >> 11) / Double(1 << 53)
        }
        return (sum - 3) * 2.0.squareRoot()
    }
}
