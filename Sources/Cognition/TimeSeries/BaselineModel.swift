/// What is normal for a series at any instant: learned from history, following the series live, able to say what it is, and
/// storable.
package protocol BaselineModel: Sendable, Equatable, Codable {
    /// Name in snapshots and explanations.
    static var name: String { get }
    /// Version of the stored state; a state of another one is not taken up.
    static var snapshotVersion: Int { get }

    /// Learns from history; order does not matter, unusable samples are skipped.
    ///
    /// - Throws: `BaselineError` when the history is too short.
    static func learn(from samples: [Sample], configuration: BaselineConfiguration) throws(BaselineError) -> Self

    /// What is normal at an instant.
    func band(at timestamp: Int64) -> Band

    /// Follows slow changes; unusable samples, and ones that are not newer than the last, change nothing.
    mutating func update(_ sample: Sample)

    /// What it is and what it rests on, in one sentence with numbers.
    var summary: String { get }
}

extension BaselineModel {
    /// The state as bytes with kind, version and checksum.
    package func snapshot() throws(SnapshotError) -> [UInt8] {
        try Snapshot.bytes(of: self, kind: Self.name, version: Self.snapshotVersion)
    }

    /// Takes up a stored state.
    ///
    /// - Throws: `SnapshotError` for one that is cut off, damaged, of something else or of another version.
    package init(snapshot bytes: [UInt8]) throws(SnapshotError) {
        self = try Snapshot.state(from: bytes, kind: Self.name, version: Self.snapshotVersion)
    }
}

extension StreamingDetector {
    /// Version of the stored states of all detectors; one of another version is not taken up.
    package static var snapshotVersion: Int { 4 }

    /// The state as bytes with kind, version and checksum.
    package func snapshot() throws(SnapshotError) -> [UInt8] {
        try Snapshot.bytes(of: self, kind: Self.name, version: Self.snapshotVersion)
    }

    /// Takes up a stored state.
    ///
    /// - Throws: `SnapshotError` for one that is cut off, damaged, of something else or of another version.
    package init(snapshot bytes: [UInt8]) throws(SnapshotError) {
        self = try Snapshot.state(from: bytes, kind: Self.name, version: Self.snapshotVersion)
    }
}

extension Baseline: BaselineModel {
    /// Name in snapshots and explanations.
    package static let name = "seasonal-baseline"
    /// Version of the stored state.
    package static let snapshotVersion = 2

    /// The season with its reason, and the history behind it.
    package var summary: String {
        "\(seasonReason); learned from \(points) points over \((spanDays * 10).rounded() / 10) days, "
            + "confidence \((confidence * 100).rounded() / 100)"
    }
}
