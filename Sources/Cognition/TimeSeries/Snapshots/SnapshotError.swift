/// Why a stored state was not taken up; whoever owns it begins anew.
package enum SnapshotError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The bytes are not a snapshot at all.
    case notASnapshot
    /// Bytes are missing at the end, or there are too many.
    case truncated
    /// The bytes are not those that were written.
    case damaged
    /// The state of something else.
    case otherKind(found: String, expected: String)
    /// A state of another version of the program.
    case otherVersion(found: Int, expected: Int)
    /// The bytes are as they were written, but the state is none that can be gone on with.
    case unusable(String)

    /// One sentence.
    package var description: String {
        switch self {
        case .notASnapshot: "not a snapshot"
        case .truncated: "the snapshot is cut off"
        case .damaged: "the snapshot is damaged"
        case .otherKind(let found, let expected): "a snapshot of \(found), not of \(expected)"
        case .otherVersion(let found, let expected): "a snapshot of version \(found), this program has \(expected)"
        case .unusable(let reason): "the state cannot be taken up: \(reason)"
        }
    }
}
