import Testing

@testable import TimeSeries

struct QuartileWindowTests {
    /// Values of which many are equal, or few, or none; rising, falling, and with both zeros.
    private static let streams: [[Double]] = {
        var generator = SplitMix64(seed: 1)
        let noise = (0..<600).map { _ in generator.normal() }
        return [
            noise, noise.map { ($0 * 2).rounded() }, noise.map { ($0 * 20).rounded() }, noise.map { $0 < 0 ? -0.0 : 0 },
            (0..<200).map(Double.init), (0..<200).map { -Double($0) }, Array(repeating: 3, count: 100),
            noise.map { $0 * 1e300 }, noise.map { $0 * 1e-300 * 1e-12 },
        ]
    }()

    @Test func quartilesAreThoseOfTheSortedWindow() {
        for stream in Self.streams {
            var window = QuartileWindow()
            for (index, value) in stream.enumerated() {
                window.insert(value)
                let last = stream[...index].suffix(QuartileWindow.capacity).sorted()
                #expect(window.count == last.count)
                #expect(window.quartiles.first == Statistics.quantile(sorted: last, 0.25))
                #expect(window.quartiles.third == Statistics.quantile(sorted: last, 0.75))
            }
        }
    }

    @Test func ringGoesOnWhereItStood() throws {
        for stream in Self.streams {
            var window = QuartileWindow()
            for (index, value) in stream.enumerated() {
                window.insert(value)
                guard index % 7 == 0 else { continue }
                let again = try #require(QuartileWindow(ring: window.ring, next: window.next))
                #expect(again == window)
            }
        }
        #expect(QuartileWindow(ring: [], next: 0) == QuartileWindow())
        #expect(QuartileWindow(ring: [1, .nan], next: 0) == nil)
        #expect(QuartileWindow(ring: [1, 2], next: 1) == nil)
        #expect(QuartileWindow(ring: Array(repeating: 1, count: 33), next: 0) == nil)
        for next in [-1, 32] { #expect(QuartileWindow(ring: Array(repeating: 1, count: 32), next: next) == nil) }
    }

    @Test func detectorStaysWithinTheBytesOfTheCheapTier() throws {
        var detector = IQRDetector()
        let band = Band(expected: 0, lower: -3, upper: 3, scale: 1)
        for value in Self.streams[0] { _ = detector.update(timestamp: 0, value: value, band: band) }
        #expect(detector.stateBytes <= 512, "\(detector.stateBytes)")
    }
}
