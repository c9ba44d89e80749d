import Testing

@testable import TimeSeries

/// States that were altered and given a fitting checksum: each is refused, or goes on with scores in [0,1] and finite bands.
@Suite struct ForgedStateTests {
    @Test(arguments: Algorithm.allCases.filter { $0.streaming != nil })
    func changedStatesAreRefusedOrSound(algorithm: Algorithm) throws {
        func check<Detector: StreamingDetector>(_ fresh: Detector) throws {
            var generator = SplitMix64(seed: 11)
            var detector = fresh
            let samples = samples(days: 2, stepSeconds: 300) { daily($0) + 2 * generator.normal() }
            for sample in samples.dropLast(60) { _ = detector.update(sample) }
            let tree = try SnapshotValue(encoding: detector)
            let same: Detector = try tree.decode()
            #expect(same == detector)
            var refused = 0
            for _ in 0..<80 {
                var content: [UInt8] = []
                tree.changed(&generator).write(to: &content)
                var reader = ByteReader(content)
                guard var detector: Detector = try? SnapshotValue(&reader, depth: 0).decode() else {
                    refused += 1
                    continue
                }
                for sample in samples.suffix(60) {
                    let judgement = detector.update(sample)
                    #expect((0...1).contains(judgement.score), "\(judgement)")
                    let band = [judgement.expected, judgement.lower, judgement.upper]
                    #expect(band.allSatisfy { $0.isFinite }, "\(judgement)")
                }
            }
            #expect(refused > 5)
        }
        let detector = try #require(algorithm.streaming)
        try check(detector)
    }
}
