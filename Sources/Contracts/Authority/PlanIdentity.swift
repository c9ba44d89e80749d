import Bus
import Model
import WireFormat

/// The bytes, the hash and the id of a plan.
package struct PlanIdentity: Sendable, Equatable {
    /// Canonical JSON of the plan.
    package var body: [UInt8]
    /// SHA-256 of `body`, lower-case hex.
    package var hash: String
    /// `PLAN-yyyyMMddHHmmss-` and eight base-32 characters of the hash.
    package var id: String

    /// Derives bytes, hash and id.
    package init(_ plan: Plan, digest: any Digest) throws(WireError) {
        body = try plan.canonicalJSON()
        hash = digest.sha256(body)
        id = Self.id(created: plan.created, hash: hash)
    }

    /// The id of a plan with this time and hash.
    package static func id(created: Timestamp, hash: String) -> String {
        "PLAN-\(created.compact)-\(Base32.encode(bytes(hex: hash)).prefix(8))"
    }

    /// Digits that the hash of the plan with this id, or this beginning of one, begins with; `nil` when it is no id.
    package static func hashPrefix(id: String) -> String? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.first == "PLAN", (2...3).contains(parts.count) else { return nil }
        return parts.count == 2 ? "" : Base32.hexPrefix(parts[2])
    }

    private static func bytes(hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
