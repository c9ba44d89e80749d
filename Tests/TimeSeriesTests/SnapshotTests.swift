import Glibc
import Testing

@testable import TimeSeries

struct SnapshotTests {
    private func series(_ count: Int, seed: UInt64 = 1) -> [Sample] {
        var generator = SplitMix64(seed: seed)
        return (0..<count).map {
            let time = monday + Int64($0) * 300_000
            return Sample(timestamp: time, value: daily(time) + 2 * generator.normal())
        }
    }

    private func goesOn<Detector: StreamingDetector>(_ detector: Detector) throws {
        var detector = detector
        for sample in series(700) { _ = detector.update(sample) }
        var stored = try Detector(snapshot: detector.snapshot())
        #expect(stored == detector)
        for sample in series(900, seed: 2).suffix(200) { #expect(stored.update(sample) == detector.update(sample)) }
    }

    @Test(arguments: Algorithm.allCases.filter { !$0.isBand })
    func everyDetectorGoesOnFromItsSnapshot(algorithm: Algorithm) throws {
        let detector = try #require(algorithm.streaming)
        try goesOn(detector)
        #expect(type(of: detector).name == algorithm.rawValue)
    }

    private func goesOn<Model: BaselineModel>(_: Model.Type) throws {
        var model = try Model.learn(from: series(2_016), configuration: .init())
        var stored = try Model(snapshot: model.snapshot())
        #expect(stored == model && !model.summary.isEmpty)
        for sample in series(2_100, seed: 3).suffix(84) {
            model.update(sample)
            stored.update(sample)
            let band = model.band(at: sample.timestamp)
            #expect(band == stored.band(at: sample.timestamp))
            #expect(band.lower <= band.expected && band.expected <= band.upper && band.scale > 0)
        }
        for value in badValues { model.update(Sample(timestamp: monday + 30 * day, value: value)) }
        #expect(model.band(at: .max).scale.isFinite)
        #expect(throws: BaselineError.self) { try Model.learn(from: [], configuration: .init()) }
    }

    @Test func everyBaselineGoesOnFromItsSnapshot() throws {
        try goesOn(Baseline.self)
        try goesOn(LevelBaseline.self)
    }

    @Test func aLevelFollowsAndKeepsItsScale() throws {
        var generator = SplitMix64(seed: 4)
        var level = try LevelBaseline.learn(
            from: samples(days: 0.5, stepSeconds: 60) { _ in 100 + 2 * generator.normal() })
        #expect(MemoryLayout<LevelBaseline>.size <= 64)
        for sample in samples(from: monday + day, days: 5, stepSeconds: 60, { _ in 110 + 2 * generator.normal() }) {
            level.update(sample)
        }
        let band = level.band(at: monday + 6 * day)
        #expect(abs(band.expected - 110) < 1 && (1.5...3).contains(band.scale))
    }

    @Test func whatIsCutOffDamagedOrOfSomethingElseIsSaidSo() throws {
        var ensemble = StreamingEnsemble()
        for sample in series(500) { _ = ensemble.update(sample) }
        let bytes = try ensemble.snapshot()
        #expect(bytes.count < 12_288)
        func error(_ bytes: [UInt8]) -> SnapshotError? {
            do throws(SnapshotError) {
                _ = try StreamingEnsemble(snapshot: bytes)
                return nil
            } catch {
                return error
            }
        }
        #expect(error(bytes) == nil)
        for length in 0..<bytes.count { #expect(error(Array(bytes[..<length])) == .truncated, "\(length)") }
        #expect(error(bytes + [0]) == .truncated)
        #expect(error(Array("{}".utf8)) == .notASnapshot)
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 0x10
            #expect(error(changed) != nil, "\(place)")
        }
        let version = StreamingEnsemble.snapshotVersion
        let older = try Snapshot.bytes(of: ensemble, kind: StreamingEnsemble.name, version: version - 1)
        #expect(error(older) == .otherVersion(found: version - 1, expected: version))
        #expect(error(try EWMADetector().snapshot()) == .otherKind(found: "ewma", expected: "ensemble"))
        let other = try Snapshot.bytes(of: [1.5], kind: StreamingEnsemble.name, version: version)
        guard case .unusable = error(other) else {
            Issue.record("\(String(describing: error(other)))")
            return
        }
    }

    private indirect enum Nest: Codable {
        case end
        case more(Nest)
    }

    @Test func anyValueComesBackAndAnyBytesHaveADefinedAnswer() throws {
        struct Everything: Codable, Equatable {
            var text = "ä\0"
            var none: Int?
            var some: UInt64? = .max
            var small = Int8.min
            var numbers = [Double.nan.bitPattern, 0]
            var pairs = [[1.5: "a"], [:]]
            var flags = [true, false, nil]
            var float = Float(0.1)
            var range = 1.0...2.0
            var wide: [Int64] = [-(1 << 53), 1 << 53]
        }
        let stored = try Snapshot.bytes(of: Everything(), kind: "k", version: 1)
        #expect(try Snapshot.state(from: stored, kind: "k", version: 1) == Everything())
        // What no state has, and would overflow with the next sample.
        for number in [Double.nan, .infinity, -.infinity] {
            let bytes = try Snapshot.bytes(of: [number], kind: "k", version: 1)
            #expect(throws: SnapshotError.self) {
                try Snapshot.state([Double].self, from: bytes, kind: "k", version: 1)
            }
        }
        for number in [Int64.min, .max, (1 << 53) + 1] {
            let bytes = try Snapshot.bytes(of: [number], kind: "k", version: 1)
            #expect(throws: SnapshotError.self) { try Snapshot.state([Int64].self, from: bytes, kind: "k", version: 1) }
        }
        var deep = Nest.end
        for _ in 0..<100 { deep = .more(deep) }
        #expect(throws: SnapshotError.self) { try Snapshot.bytes(of: deep, kind: "k", version: 1) }
        #expect(throws: SnapshotError.self) { try Snapshot.bytes(of: 1, kind: "k", version: -1) }

        // Bytes that pass the checksum by chance are still no state.
        var generator = SplitMix64(seed: 9)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &generator)
            let random = (0..<count).map { _ in UInt8.random(in: 0...9, using: &generator) }
            var reader = ByteReader(random)
            guard let value = try? SnapshotValue(&reader, depth: 0) else { continue }
            _ = try? value.decode(StreamingEnsemble.self)
            _ = try? value.decode(Baseline.self)
            _ = try? value.decode([String: Double].self)
        }
    }
}

struct ComposedDetectorTests {
    private typealias Composed<First: Preprocessing> = ComposedDetector<
        First, ReferencePool, RunningScale, TailCalibration
    >

    private func scores<First: Preprocessing>(_ first: First, _ values: [Double]) -> [Double] {
        var detector = Composed(preprocessing: first)
        return values.enumerated().map {
            detector.update(Sample(timestamp: monday + Int64($0) * 60_000, value: $1)).score
        }
    }

    @Test func aCounterIsWatchedByItsRate() {
        var generator = SplitMix64(seed: 1)
        var counted = 0.0
        var values: [Double] = []
        for index in 0..<3_000 {
            // A reset, which is nothing unusual, and a burst, which is.
            if index == 2_000 { counted = 0 }
            counted += 60 + generator.normal() * 5 + (index == 2_500 ? 400 : 0)
            values.append(counted)
        }
        let rated = scores(CounterRate(), values)
        #expect(rated[2_500] >= 0.7)
        #expect(rated[1_990..<2_010].allSatisfy { $0 < 0.7 })
        #expect(rated.filter { $0 >= 0.7 }.count <= 3)
    }

    @Test func decadesAreWatchedOnALogarithmicScale() {
        var generator = SplitMix64(seed: 2)
        var values = (0..<3_000).map { _ in Glibc.exp(8 + 0.3 * generator.normal()) }
        values[2_500] = 20
        #expect(scores(LogarithmicScale(), values)[2_500] >= 0.7)
        #expect(scores(NoPreprocessing(), values)[2_500] < 0.7)
    }

    @Test func anyValuesGiveSoundScores() {
        var generator = SplitMix64(seed: 3)
        let wild = (0..<5_000).map { _ in badValues.randomElement(using: &generator) ?? 0 }
        for scores in [scores(NoPreprocessing(), wild), scores(CounterRate(), wild), scores(LogarithmicScale(), wild)] {
            #expect(scores.allSatisfy { (0...1).contains($0) })
        }
        var detector = Composed(preprocessing: NoPreprocessing())
        for time in [Int64.min, .max, 0, 5, 5] { _ = detector.update(Sample(timestamp: time, value: 1)) }
    }
}
