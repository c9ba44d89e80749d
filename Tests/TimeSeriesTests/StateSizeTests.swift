import Testing

@testable import TimeSeries

/// Memory outside of a value, as its parts have it.
private protocol HeapHolder { var ownHeapBytes: Int { get } }
extension Array: HeapHolder {
    fileprivate var ownHeapBytes: Int { capacity == 0 ? 0 : 32 + capacity * MemoryLayout<Element>.stride }
}

struct StateSizeTests {
    private func heapBytes(_ value: Any) -> Int {
        Mirror(reflecting: value).children.reduce((value as? any HeapHolder)?.ownHeapBytes ?? 0) {
            $0 + heapBytes($1.value)
        }
    }

    /// The largest of the states on the way, with what they refer to.
    private func bytes<Detector: StreamingDetector>(_ detector: Detector) -> Int {
        var detector = detector
        var generator = SplitMix64(seed: 1)
        var most = 0
        for index in 0..<4_000 {
            let value =
                index % 97 == 13 ? badValues.randomElement(using: &generator) ?? 0 : 100 + 5 * generator.normal()
            _ = detector.update(Sample(timestamp: monday + Int64(index) * 300_000, value: value))
            if index % 500 == 499 { most = max(most, MemoryLayout<Detector>.size + heapBytes(detector)) }
        }
        return most
    }

    @Test(arguments: Algorithm.allCases) func statesStayWithinWhatIsDocumented(algorithm: Algorithm) throws {
        guard let detector = algorithm.streaming else {
            #expect(algorithm.isBand && algorithm.mostStateBytes <= 512)
            return
        }
        let most = bytes(detector)
        #expect(most <= algorithm.mostStateBytes, "\(most)")
        // What is documented is not far more than what is needed.
        #expect(2 * most >= algorithm.mostStateBytes, "\(most)")
    }

    @Test func standardAndCheapTiersStayWithinTheirBytes() {
        #expect(Algorithm.standard.reduce(0) { $0 + $1.mostStateBytes } <= 8 * 1_024)
        #expect(MemoryLayout<LevelBaseline>.size + Algorithm.iqr.mostStateBytes <= 512)
    }
}
